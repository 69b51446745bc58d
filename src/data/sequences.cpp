// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/perturb_set.h"
#include "assemble/image/decode.h"
#include "assemble/image/resize.h"
#include "assemble/image/video.h"

namespace assemble {
namespace {

class MadeSequences : public Sequences {
 public:
  MadeSequences(const Dataset& dataset, const std::string& kind, const PerturbSetOptions& options)
      : dataset_(dataset), kind_(kind), options_(options) {
    check_perturbation(kind);
  }

  int64_t size() const override { return dataset_.size(); }

  std::vector<Image> read(int64_t index) const override {
    const Sample sample = dataset_.read(index);
    const Image image = resize_and_crop(decode_image(sample.encoded, sample.name), options_.resize, 0, sample.name);
    try {
      return perturb(image, kind_, static_cast<uint64_t>(index), {options_.seed, options_.crop});
    } catch (const InputError& error) {
      throw InputError(sample.name, error.what(), "lower --crop, or raise --resize");
    }
  }

 private:
  const Dataset& dataset_;
  std::string kind_;
  PerturbSetOptions options_;
};

class StoredSequences : public Sequences {
 public:
  StoredSequences(const fs::path& directory, const std::string& kind) : kind_(kind) {
    check_perturbation(kind);
    const fs::path folder = directory / kind;
    if (!fs::is_directory(folder)) {
      throw InputError(folder.string(), "is missing", "make it with 'assemble perturb --kinds " + kind + "'");
    }
    std::set<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file() || entry.path().filename().string().starts_with(".")) continue;
      const std::string extension = to_lower(entry.path().extension().string());
      if (extension == ".mp4") found.insert(entry.path());
      if (extension == ".png" || extension == ".jpg" || extension == ".jpeg") found.insert(entry.path().parent_path());
    }
    if (found.empty())
      throw InputError(folder.string(), "holds no sequences", "expected .mp4 files or folders of frames");
    sequences_.assign(found.begin(), found.end());
  }

  int64_t size() const override { return static_cast<int64_t>(sequences_.size()); }

  std::vector<Image> read(int64_t index) const override {
    const fs::path& path = sequences_.at(static_cast<size_t>(index));
    std::vector<Image> frames = fs::is_directory(path) ? read_frames(path) : read_video(path);
    const auto expected = static_cast<size_t>(perturbation_frames(kind_));
    if (frames.size() != expected) {
      throw InputError(path.string(), concat("has ", frames.size(), " frames, expected ", expected, " of ", kind_),
                       "make it again");
    }
    for (const Image& frame : frames) {
      if (frame.width == frame.height) continue;
      throw InputError(path.string(),
                       concat("frames of ", frame.width, "×", frame.height, " pixels, expected squares"));
    }
    return frames;
  }

 private:
  static std::vector<Image> read_frames(const fs::path& folder) {
    std::vector<Image> frames;
    for (const fs::path& file : find_images(folder)) frames.push_back(decode_image(read_file(file), file.string()));
    return frames;
  }

  std::string kind_;
  std::vector<fs::path> sequences_;
};

}  // namespace

std::unique_ptr<Sequences> make_sequences(const Dataset& dataset, const std::string& kind,
                                          const PerturbSetOptions& options) {
  return std::make_unique<MadeSequences>(dataset, kind, options);
}

std::unique_ptr<Sequences> open_sequences(const fs::path& directory, const std::string& kind) {
  return std::make_unique<StoredSequences>(directory, kind);
}

}  // namespace assemble
