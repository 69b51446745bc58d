// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/corrupt_set.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/corrupted_dataset.h"
#include "assemble/data/derived_folder.h"
#include "assemble/data/open_images.h"
#include "assemble/image/decode.h"
#include "derived/derived_set.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

/// A set goes on only with the same ones.
ordered_json settings_of(const Dataset& dataset, const CorruptSetOptions& options) {
  ordered_json settings{{"images", dataset.size()},
                        {"classes", dataset.classes()},
                        {"sources", derived_sources(dataset)},
                        {"split", options.split}};
  settings.update(pixel_settings(options));
  return settings;
}

void check(const Dataset& dataset, const fs::path& output, const CorruptSetOptions& options) {
  for (const std::string& name : options.corruptions) check_corruption(name);
  for (const int severity : options.severities) check_severity(severity);
  if (options.corruptions.empty() || options.severities.empty()) {
    throw UsageError("corrupt", "nothing to do: no corruptions or no severities");
  }
  if (options.resize < 0 || options.crop < 0 || options.quality < 1 || options.quality > 100) {
    throw UsageError("corrupt", "resize and crop are sides in pixels (0: none), quality is 1…100");
  }
  check_apart(output, dataset.where());
  check_derived_names(dataset, /*folders=*/false);
}

/// The record beside the images.
class Manifest {
 public:
  Manifest(const Dataset& dataset, const fs::path& output, const CorruptSetOptions& options)
      : folder_(derived_folder(output, kCorruptSetManifest)),
        settings_(settings_of(dataset, options)),
        data_(dataset.where()) {
    std::set<std::string> corruptions(options.corruptions.begin(), options.corruptions.end());
    std::set<int> severities(options.severities.begin(), options.severities.end());
    const ordered_json before = read_set_record(folder_, settings_, options.corruptions);
    if (!before.is_null()) add_earlier(before, corruptions, severities);
    for (const std::string& name : all_corruption_names()) {
      if (corruptions.contains(name)) corruptions_.push_back(name);
    }
    severities_.assign(severities.begin(), severities.end());
  }

  void begin() const {
    folder_.prepare();
    write(/*complete=*/false, {});
  }

  void write(bool complete, const std::vector<std::string>& unreadable) const {
    ordered_json json{{"made_by", concat("assemble ", ASSEMBLE_VERSION)}, {"data", data_}};
    json.update(settings_);
    json["corruptions"] = corruptions_;
    json["severities"] = severities_;
    json["complete"] = complete;
    json["unreadable"] = unreadable;
    folder_.write(json);
  }

 private:
  void add_earlier(const ordered_json& before, std::set<std::string>& corruptions, std::set<int>& severities) const {
    try {
      for (const std::string name : before.at("corruptions")) corruptions.insert(name);
      for (const int severity : before.at("severities")) severities.insert(severity);
    } catch (const ordered_json::exception& error) {
      folder_.fail_damaged(json_problem(error));
    }
  }

  ResumableFolder folder_;
  ordered_json settings_;
  std::string data_;
  std::vector<std::string> corruptions_;
  std::vector<int> severities_;
};

class SetWriter {
 public:
  SetWriter(const Dataset& dataset, const fs::path& output, const CorruptSetOptions& options)
      : dataset_(dataset), output_(output), options_(options), corrupt_(corrupt_options(options)) {}

  DerivedReport run() {
    make_folders();
    const auto versions = static_cast<int64_t>(options_.corruptions.size() * options_.severities.size());
    Progress progress("corrupting " + dataset_.where(), dataset_.size() * versions, "files");
    ThreadPool pool(options_.threads > 0 ? options_.threads : available_cores());
    std::mutex mutex;
    pool.parallel_for(dataset_.size(), [&](int64_t index) {
      std::string error;
      int64_t written = 0;
      try {
        written = write_versions(index);
      } catch (const InputError& defect) {
        error = defect.what();
      }
      const std::lock_guard lock(mutex);
      if (error.empty()) {
        report_.written += written;
        report_.kept += versions - written;
      } else {
        report_.unreadable.push_back(error);
      }
      progress.advance(versions);
    });
    std::sort(report_.unreadable.begin(), report_.unreadable.end());
    return report_;
  }

 private:
  struct Version {
    std::string corruption;
    int severity = 1;
    fs::path path;
  };

  fs::path version_folder(const std::string& corruption, int severity) const {
    return output_ / corruption / std::to_string(severity);
  }

  void make_folders() const {
    std::set<fs::path> below;
    if (!images_are_files(dataset_)) below.insert(dataset_.class_names().begin(), dataset_.class_names().end());
    // Records whose labels must be read lie in their classes' folders, or in none.
    for (int64_t i = 0; i < dataset_.size(); ++i) {
      below.insert(derived_stem(dataset_, i, dataset_.label(i)).parent_path());
    }
    for (const std::string& corruption : options_.corruptions) {
      for (const int severity : options_.severities) {
        for (const fs::path& folder : below) {
          make_directories(version_folder(corruption, severity) / folder);
          remove_stale_temporaries(version_folder(corruption, severity) / folder);
        }
      }
    }
  }

  std::vector<Version> missing_versions(const fs::path& stem) const {
    const bool jpeg = options_.format == CorruptFormat::kJpeg;
    const ImageFormat format = jpeg ? ImageFormat::kJpeg : ImageFormat::kPng;
    std::vector<Version> missing;
    for (const std::string& corruption : options_.corruptions) {
      for (const int severity : options_.severities) {
        const fs::path path = version_folder(corruption, severity) / (stem.string() + (jpeg ? ".JPEG" : ".png"));
        if (!is_whole_image(path, format, options_.crop)) missing.push_back({corruption, severity, path});
      }
    }
    return missing;
  }

  int64_t write_versions(int64_t index) const {
    Sample sample;
    int64_t label = dataset_.label(index);
    if (label < 0 && dataset_.classes() > 0) {
      sample = dataset_.read(index);
      label = sample.label;
    }
    const std::vector<Version> missing = missing_versions(derived_stem(dataset_, index, label));
    if (missing.empty()) return 0;
    if (sample.encoded.empty()) sample = dataset_.read(index);
    const Image image = corruptible(sample, options_);
    for (const Version& version : missing) {
      AtomicFile file(version.path);
      file.write(corrupted_file(image, sample.name, version.corruption, version.severity, index, options_, corrupt_));
      file.commit(/*flush=*/false);
    }
    return static_cast<int64_t>(missing.size());
  }

  const Dataset& dataset_;
  const fs::path& output_;
  const CorruptSetOptions& options_;
  CorruptOptions corrupt_;
  DerivedReport report_;
};

}  // namespace

ordered_json pixel_settings(const CorruptSetOptions& options) {
  const bool jpeg = options.format == CorruptFormat::kJpeg;
  ordered_json settings{{"resize", options.resize},
                        {"crop", options.crop},
                        {"seed", options.seed},
                        {"frost", options.frost_dir.empty() ? "drawn" : "photographs"},
                        {"format", jpeg ? "jpeg" : "png"},
                        {"quality", jpeg ? options.quality : 100}};
  add_exif(options.exif, settings);
  return settings;
}

void warn_of_needless_resizing(const Dataset& dataset, const CorruptSetOptions& options) {
  if (dataset.size() == 0 || options.crop == 0 || options.resize == 0 || options.resize == options.crop) return;
  try {
    const Sample first = dataset.read(0);
    const ImageSize size = read_image_size(first.encoded, first.name);
    if (size.height != options.crop || size.width != options.crop) return;
    log_warning(concat(first.name, " has ", options.crop, "×", options.crop, " pixels already: resizing it to ",
                       options.resize, " and cutting ", options.crop,
                       " blurs it and takes its borders away; resize 0 leaves such images as they are"));
  } catch (const InputError&) {
    // Making the set says what is wrong with the image.
  }
}

DerivedReport corrupt_dataset(const Dataset& dataset, const fs::path& output, const CorruptSetOptions& options) {
  check(dataset, output, options);
  SetWriter writer(dataset, output, options);
  const Manifest manifest(dataset, output, options);
  manifest.begin();
  DerivedReport report = writer.run();
  manifest.write(report.unreadable.empty(), report.unreadable);
  return report;
}

}  // namespace assemble
