// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/corrupt_set.h"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/image_folder.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/image/resize.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

/// Settings that decide the pixels: a set goes on only with the same ones.
ordered_json settings_of(const Dataset& dataset, const CorruptSetOptions& options) {
  ordered_json settings{{"images", dataset.size()}, {"classes", dataset.classes()}};
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
  std::error_code ignored;
  const fs::path inside = fs::weakly_canonical(output, ignored),
                 source = fs::weakly_canonical(dataset.where(), ignored);
  if (inside == source || inside.parent_path() == source) {
    throw UsageError(output.string(), "would mix with the data set in " + dataset.where(), "choose another folder");
  }
}

/// The record beside the images.
class Manifest {
 public:
  Manifest(const Dataset& dataset, const fs::path& output, const CorruptSetOptions& options)
      : path_(output / kCorruptSetManifest), settings_(settings_of(dataset, options)), data_(dataset.where()) {
    std::set<std::string> corruptions(options.corruptions.begin(), options.corruptions.end());
    std::set<int> severities(options.severities.begin(), options.severities.end());
    if (fs::exists(path_)) require_same(corruptions, severities);
    for (const std::string& name : corruption_names()) {
      if (corruptions.contains(name)) corruptions_.push_back(name);
    }
    severities_.assign(severities.begin(), severities.end());
  }

  void write(bool complete, const std::vector<std::string>& unreadable) const {
    ordered_json json{{"made_by", concat("assemble ", ASSEMBLE_VERSION)}, {"data", data_}};
    json.update(settings_);
    json["corruptions"] = corruptions_;
    json["severities"] = severities_;
    json["complete"] = complete;
    json["unreadable"] = unreadable;
    write_file(path_, std::string_view(json.dump(2) + "\n"));
  }

 private:
  void require_same(std::set<std::string>& corruptions, std::set<int>& severities) const {
    const Bytes bytes = read_file(path_, uint64_t{1} << 26);
    try {
      const auto before = ordered_json::parse(bytes);
      for (const auto& [key, value] : settings_.items()) {
        if (before.at(key) == value) continue;
        throw UsageError(path_.string(),
                         concat("was made with ", key, " ", before.at(key).dump(), ", not ", value.dump()),
                         "use the same settings to go on, or write into another folder");
      }
      for (const std::string name : before.at("corruptions")) corruptions.insert(name);
      for (const int severity : before.at("severities")) severities.insert(severity);
    } catch (const ordered_json::exception& error) {
      throw InputError(path_.string(), concat("is not the record of a corrupted set: ", error.what()),
                       "remove it to start the set again");
    }
  }

  fs::path path_;
  ordered_json settings_;
  std::string data_;
  std::vector<std::string> corruptions_;
  std::vector<int> severities_;
};

/// Whether the file ends as its format does: a machine that lost power may leave a file without its contents.
bool is_complete(const fs::path& path, CorruptFormat format) {
  const std::string_view ending = format == CorruptFormat::kJpeg ? "\xFF\xD9" : "IEND\xAE\x42\x60\x82";
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  if (!stream || stream.tellg() < static_cast<std::streamoff>(ending.size())) return false;
  stream.seekg(-static_cast<std::streamoff>(ending.size()), std::ios::end);
  std::string tail(ending.size(), '\0');
  stream.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  return stream && tail == ending;
}

class SetWriter {
 public:
  SetWriter(const Dataset& dataset, const fs::path& output, const CorruptSetOptions& options)
      : dataset_(dataset), folder_(dynamic_cast<const ImageFolder*>(&dataset)), output_(output), options_(options) {
    corrupt_.seed = options.seed;
    if (!options.frost_dir.empty()) corrupt_.frost = load_frost_textures(options.frost_dir);
  }

  CorruptReport run() {
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

  /// CLASS/NAME without extension.
  fs::path stem_of(int64_t index, int64_t label) const {
    if (folder_ != nullptr) return fs::path(folder_->file(index)).replace_extension();
    std::ostringstream name;
    name << "image_" << std::setw(8) << std::setfill('0') << index;
    return fs::path(dataset_.class_names()[static_cast<size_t>(label)]) / name.str();
  }

  void make_folders() const {
    std::set<fs::path> below;
    for (const std::string& name : dataset_.class_names()) below.insert(name);
    std::set<fs::path> stems;
    for (int64_t i = 0; folder_ != nullptr && i < dataset_.size(); ++i) {
      const fs::path stem = stem_of(i, 0);
      if (!stems.insert(stem).second) {
        throw InputError((fs::path(dataset_.where()) / folder_->file(i)).string(),
                         "has the same name as another image but for its extension", "rename one of them");
      }
      below.insert(stem.parent_path());
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
    const char* extension = options_.format == CorruptFormat::kJpeg ? ".JPEG" : ".png";
    std::vector<Version> missing;
    for (const std::string& corruption : options_.corruptions) {
      for (const int severity : options_.severities) {
        const fs::path path = version_folder(corruption, severity) / (stem.string() + extension);
        if (!is_complete(path, options_.format)) missing.push_back({corruption, severity, path});
      }
    }
    return missing;
  }

  int64_t write_versions(int64_t index) const {
    Sample sample;
    int64_t label = dataset_.label(index);
    if (label < 0) {
      sample = dataset_.read(index);
      label = sample.label;
    }
    const std::vector<Version> missing = missing_versions(stem_of(index, label));
    if (missing.empty()) return 0;
    if (sample.encoded.empty()) sample = dataset_.read(index);
    const Image image =
        resize_and_crop(decode_image(sample.encoded, sample.name), options_.resize, options_.crop, sample.name);
    for (const Version& version : missing) {
      const Image corrupted =
          corrupt(image, version.corruption, version.severity, static_cast<uint64_t>(index), corrupt_);
      AtomicFile file(version.path);
      file.write(options_.format == CorruptFormat::kJpeg ? encode_jpeg(corrupted, options_.quality)
                                                         : encode_png(corrupted));
      file.commit(/*flush=*/false);
    }
    return static_cast<int64_t>(missing.size());
  }

  const Dataset& dataset_;
  const ImageFolder* folder_;  ///< null: TFRecords
  const fs::path& output_;
  const CorruptSetOptions& options_;
  CorruptOptions corrupt_;
  CorruptReport report_;
};

}  // namespace

ordered_json pixel_settings(const CorruptSetOptions& options) {
  const bool jpeg = options.format == CorruptFormat::kJpeg;
  return {{"resize", options.resize},
          {"crop", options.crop},
          {"seed", options.seed},
          {"frost", options.frost_dir.empty() ? "drawn" : "photographs"},
          {"format", jpeg ? "jpeg" : "png"},
          {"quality", jpeg ? options.quality : 100}};
}

CorruptReport corrupt_dataset(const Dataset& dataset, const fs::path& output, const CorruptSetOptions& options) {
  check(dataset, output, options);
  SetWriter writer(dataset, output, options);
  make_directories(output);
  const Manifest manifest(dataset, output, options);
  manifest.write(/*complete=*/false, {});
  CorruptReport report = writer.run();
  manifest.write(report.unreadable.empty(), report.unreadable);
  return report;
}

}  // namespace assemble
