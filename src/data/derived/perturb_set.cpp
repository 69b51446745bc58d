// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/perturb_set.h"

#include <algorithm>
#include <mutex>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/derived_folder.h"
#include "assemble/image/encode.h"
#include "assemble/image/video.h"
#include "derived/derived_set.h"
#include "derived/sequence_files.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

ordered_json settings_of(const Dataset& dataset, const PerturbSetOptions& options) {
  ordered_json settings{{"images", dataset.size()},
                        {"sources", derived_sources(dataset)},
                        {"split", options.split},
                        {"resize", options.resize},
                        {"crop", options.crop},
                        {"seed", options.seed},
                        {"format", kPerturbFormats.name(options.format)}};
  add_exif(options.exif, settings);
  return settings;
}

/// The kinds of the set, old and new.
std::vector<std::string> kinds_of(const ResumableFolder& set, const ordered_json& before,
                                  const std::vector<std::string>& kinds) {
  std::vector<std::string> all = kinds;
  try {
    if (!before.is_null()) {
      for (const std::string kind : before.at("kinds")) all.push_back(kind);
    }
  } catch (const ordered_json::exception& error) {
    set.fail_damaged(json_problem(error));
  }
  std::vector<std::string> ordered;
  for (const std::string& kind : perturbation_names()) {
    if (std::find(all.begin(), all.end(), kind) != all.end()) ordered.push_back(kind);
  }
  return ordered;
}

fs::path stem_of(const Dataset& dataset, int64_t index) {
  const int64_t known = dataset.label(index);
  return derived_stem(dataset, index, known < 0 && dataset.classes() > 0 ? dataset.read(index).label : known);
}

/// Of a folder that held frames; what is no frame stays, and with it the folder.
void remove_frames(const fs::path& folder) {
  std::error_code failed;
  std::vector<fs::path> frames;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("frame_") && name.ends_with(".png")) frames.push_back(entry->path());
  }
  for (const fs::path& frame : frames) fs::remove(frame, failed);
}

/// A folder of frames appears at once: it is filled under another name and renamed.
void write_frames(const fs::path& path, const std::vector<Image>& frames) {
  const fs::path filling = path.parent_path() / ("." + path.filename().string() + ".tmp");
  fs::remove_all(filling);
  make_directories(filling);
  for (size_t i = 0; i < frames.size(); ++i) {
    AtomicFile file(filling / concat("frame_", zero_padded(i, 2), ".png"));
    file.write(encode_png(frames[i]));
    file.commit(/*flush=*/false);
  }
  remove_frames(path);
  std::error_code failed;
  fs::rename(filling, path, failed);
  if (!failed) return;
  throw RunError(path.string(), "cannot be put in place: " + failed.message(),
                 "it may hold files of others: move them");
}

/// Whether an earlier run wrote the sequence. What it could not finish, and what others put there, is made again.
bool is_whole_sequence(const fs::path& path, const std::string& kind, int side) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return false;
  try {
    return read_sequence(path, kind).front().width == side;
  } catch (const InputError&) {
    return false;
  }
}

/// The noises were published with x264's tuning for grain and its usual quality.
VideoOptions video_options(const std::string& kind) {
  return compares_to_first_frame(kind) ? VideoOptions{.quality = 23, .grain = true} : VideoOptions{};
}

class SequenceWriter {
 public:
  SequenceWriter(const Dataset& dataset, const fs::path& output, const PerturbSetOptions& options)
      : dataset_(dataset), output_(output), options_(options) {}

  DerivedReport run() {
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
    if (is_whole_sequence(path, kind, options_.crop)) return false;
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
  DerivedReport report_;
};

}  // namespace

DerivedReport perturb_dataset(const Dataset& dataset, const fs::path& output, const PerturbSetOptions& options) {
  for (const std::string& kind : options.kinds) check_perturbation(kind);
  if (options.kinds.empty()) throw UsageError("perturb", "nothing to do: no kinds");
  if (options.resize < 0 || options.crop < 1) {
    throw UsageError("perturb", "resize (0: none) and crop are sides in pixels, crop at least 1");
  }
  check_apart(output, dataset.where());
  check_derived_names(dataset, options.format == PerturbFormat::kFrames);
  const ResumableFolder folder = derived_folder(output, kPerturbSetManifest);
  ordered_json record{{"made_by", concat("assemble ", ASSEMBLE_VERSION)}, {"data", dataset.where()}};
  const ordered_json settings = settings_of(dataset, options);
  record.update(settings);
  record["kinds"] = kinds_of(folder, read_set_record(folder, settings, options.kinds), options.kinds);
  folder.prepare();
  const auto store = [&](bool complete, const std::vector<std::string>& unreadable) {
    record["complete"] = complete;
    record["unreadable"] = unreadable;
    folder.write(record);
  };
  store(false, {});
  DerivedReport report = SequenceWriter(dataset, output, options).run();
  store(report.unreadable.empty(), report.unreadable);
  return report;
}

}  // namespace assemble
