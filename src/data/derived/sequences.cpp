// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/data/perturb_set.h"
#include "assemble/data/stored_set.h"
#include "assemble/image/decode.h"
#include "assemble/image/resize.h"
#include "derived/sequence_files.h"

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
    const DecodeOptions decoding{.apply_exif_orientation = options_.exif == ExifRule::kTurn};
    const Image image =
        resize_and_crop(decode_image(sample.encoded, sample.name, decoding), options_.resize, 0, sample.name);
    try {
      return perturb(image, kind_, static_cast<uint64_t>(index), {options_.seed, options_.crop});
    } catch (const InputError& error) {
      throw InputError(sample.name, error.what());
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
    const fs::path folder = part_folder(directory, kind);
    if (!fs::is_directory(folder)) {
      throw InputError(folder.string(), "is missing", "make it with 'assemble perturb --kinds " + kind + "'");
    }
    sequences_ = find_sequences(folder);
    if (sequences_.empty()) {
      throw InputError(folder.string(), "holds no sequences", "expected .mp4 files or folders of frames");
    }
  }

  int64_t size() const override { return static_cast<int64_t>(sequences_.size()); }

  std::vector<Image> read(int64_t index) const override {
    return read_sequence(sequences_.at(static_cast<size_t>(index)), kind_);
  }

 private:
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
