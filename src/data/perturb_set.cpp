// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/perturb_set.h"

#include <algorithm>
#include <iomanip>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>

#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/image_folder.h"
#include "assemble/image/encode.h"
#include "assemble/image/video.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

ordered_json settings_of(const Dataset& dataset, const PerturbSetOptions& options) {
  return {{"images", dataset.size()},
          {"resize", options.resize},
          {"crop", options.crop},
          {"seed", options.seed},
          {"format", options.format == PerturbFormat::kMp4 ? "mp4" : "frames"}};
}

/// The kinds of the set in `output`, old and new. @throws UsageError when it was made with other settings
std::vector<std::string> kinds_of(const fs::path& manifest, const ordered_json& settings,
                                  const std::vector<std::string>& kinds) {
  std::vector<std::string> all = kinds;
  if (fs::exists(manifest)) {
    try {
      const auto before = ordered_json::parse(read_file(manifest, uint64_t{1} << 26));
      for (const auto& [key, value] : settings.items()) {
        if (before.at(key) == value) continue;
        throw UsageError(manifest.string(),
                         concat("was made with ", key, " ", before.at(key).dump(), ", not ", value.dump()),
                         "use the same settings to go on, or write into another folder");
      }
      for (const std::string kind : before.at("kinds")) all.push_back(kind);
    } catch (const ordered_json::exception& error) {
      throw InputError(manifest.string(), concat("is not the record of a set of sequences: ", error.what()),
                       "remove it to start the set again");
    }
  }
  std::vector<std::string> ordered;
  for (const std::string& kind : perturbation_names()) {
    if (std::find(all.begin(), all.end(), kind) != all.end()) ordered.push_back(kind);
  }
  return ordered;
}

/// CLASS/NAME without extension.
fs::path stem_of(const Dataset& dataset, int64_t index) {
  if (const auto* folder = dynamic_cast<const ImageFolder*>(&dataset)) {
    return fs::path(folder->file(index)).replace_extension();
  }
  const int64_t known = dataset.label(index);
  const int64_t label = known >= 0 ? known : dataset.read(index).label;
  std::ostringstream name;
  name << "image_" << std::setw(8) << std::setfill('0') << index;
  return fs::path(dataset.class_names()[static_cast<size_t>(label)]) / name.str();
}

/// A folder of frames appears at once: it is filled under another name and renamed.
void write_frames(const fs::path& path, const std::vector<Image>& frames) {
  const fs::path filling = path.parent_path() / ("." + path.filename().string() + ".tmp");
  fs::remove_all(filling);
  make_directories(filling);
  for (size_t i = 0; i < frames.size(); ++i) {
    std::ostringstream name;
    name << "frame_" << std::setw(2) << std::setfill('0') << i << ".png";
    AtomicFile file(filling / name.str());
    file.write(encode_png(frames[i]));
    file.commit(/*flush=*/false);
  }
  fs::rename(filling, path);
}

/// The noises were published with x264's tuning for grain and its usual quality.
VideoOptions video_options(const std::string& kind) {
  return compares_to_first_frame(kind) ? VideoOptions{.quality = 23, .grain = true} : VideoOptions{};
}

class SequenceWriter {
 public:
  SequenceWriter(const Dataset& dataset, const fs::path& output, const PerturbSetOptions& options)
      : dataset_(dataset), output_(output), options_(options) {}

  PerturbReport run() {
    const int64_t images = dataset_.size(), total = images * static_cast<int64_t>(options_.kinds.size());
    Progress progress("perturbing " + dataset_.where(), total, "sequences");
    ThreadPool pool(options_.threads > 0 ? options_.threads : available_cores());
    for (const std::string& kind : options_.kinds) {
      const auto sequences = make_sequences(dataset_, kind, options_);
      pool.parallel_for(images, [&](int64_t index) {
        std::string error;
        bool written = false;
        try {
          written = write(kind, *sequences, index);
        } catch (const InputError& defect) {
          error = defect.what();
        }
        const std::lock_guard lock(mutex_);
        if (!error.empty()) {
          report_.unreadable.push_back(error);
        } else {
          ++(written ? report_.written : report_.kept);
        }
        progress.advance(1);
      });
    }
    std::sort(report_.unreadable.begin(), report_.unreadable.end());
    report_.unreadable.erase(std::unique(report_.unreadable.begin(), report_.unreadable.end()),
                             report_.unreadable.end());
    return report_;
  }

 private:
  bool write(const std::string& kind, const Sequences& sequences, int64_t index) const {
    const bool mp4 = options_.format == PerturbFormat::kMp4;
    const fs::path path = output_ / kind / (stem_of(dataset_, index).string() + (mp4 ? ".mp4" : ""));
    if (fs::exists(path)) return false;
    const std::vector<Image> frames = sequences.read(index);
    make_directories(path.parent_path());
    if (mp4) {
      write_video(path, frames, video_options(kind));
    } else {
      write_frames(path, frames);
    }
    return true;
  }

  const Dataset& dataset_;
  const fs::path& output_;
  const PerturbSetOptions& options_;
  std::mutex mutex_;
  PerturbReport report_;
};

}  // namespace

PerturbReport perturb_dataset(const Dataset& dataset, const fs::path& output, const PerturbSetOptions& options) {
  for (const std::string& kind : options.kinds) check_perturbation(kind);
  if (options.kinds.empty()) throw UsageError("perturb", "nothing to do: no kinds");
  make_directories(output);
  const fs::path manifest = output / kPerturbSetManifest;
  ordered_json record{{"made_by", concat("assemble ", ASSEMBLE_VERSION)}, {"data", dataset.where()}};
  const ordered_json settings = settings_of(dataset, options);
  record.update(settings);
  record["kinds"] = kinds_of(manifest, settings, options.kinds);
  const auto store = [&](bool complete, const std::vector<std::string>& unreadable) {
    record["complete"] = complete;
    record["unreadable"] = unreadable;
    write_file(manifest, std::string_view(record.dump(2) + "\n"));
  };
  store(false, {});
  PerturbReport report = SequenceWriter(dataset, output, options).run();
  store(report.unreadable.empty(), report.unreadable);
  return report;
}

}  // namespace assemble
