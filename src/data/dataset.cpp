// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/dataset.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/manifest.h"
#include "assemble/data/shards.h"
#include "assemble/data/tar_dataset.h"
#include "assemble/data/tfrecord_dataset.h"
#include "assemble/data/zip_dataset.h"
#include "assemble/image/decode.h"
#include "folders.h"

namespace assemble {
namespace {

constexpr const char* kLayouts =
    "expected train/CLASS/IMAGE and validation/CLASS/IMAGE (or val, test), or TFRecords train-00000-of-0000N, "
    "validation-00000-of-0000N and classes.txt, or tar files with train and val in their names, or a zip file";

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

std::vector<std::string> names_beside(const fs::path& directory) {
  const bool named = fs::exists(directory / Manifest::kFile) || fs::exists(directory / "classes.txt");
  return named ? class_names_of(directory) : std::vector<std::string>{};
}

std::unique_ptr<Dataset> open_records(const fs::path& directory, Split split, ClassRule rule) {
  const std::string wanted = split_name(split);
  std::vector<fs::path> shards = find_shards(directory, wanted);
  if (shards.empty()) throw InputError(directory.string(), "holds no " + wanted + " TFRecords", kLayouts);
  std::vector<std::string> names = rule == ClassRule::kAny ? names_beside(directory) : class_names_of(directory);
  return std::make_unique<TfRecordDataset>(std::move(shards), std::move(names), rule);
}

bool has_ending(const fs::path& file, std::initializer_list<const char*> endings) {
  const std::string name = to_lower(file.filename().string());
  return std::any_of(endings.begin(), endings.end(), [&](const char* ending) { return name.ends_with(ending); });
}

bool is_tar(const fs::path& file) { return has_ending(file, {".tar", ".tar.gz", ".tgz"}); }

/// Tar files whose name says that they belong to the split, in byte order.
std::vector<fs::path> find_tars(const fs::path& directory, Split split) {
  std::vector<fs::path> tars;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string name = to_lower(entry.path().filename().string());
    const bool train = name.find("train") != std::string::npos;
    const bool validation = name.find("val") != std::string::npos || name.find("test") != std::string::npos;
    if (is_tar(entry.path()) && (split == Split::kTrain ? train : validation && !train)) tars.push_back(entry.path());
  }
  std::sort(tars.begin(), tars.end());
  return tars;
}

bool holds_tars(const fs::path& directory) {
  return !find_tars(directory, Split::kTrain).empty() || !find_tars(directory, Split::kValidation).empty();
}

std::unique_ptr<Dataset> open_tars(const fs::path& directory, Split split, ClassRule rule) {
  std::vector<fs::path> tars = find_tars(directory, split);
  if (tars.empty()) {
    throw InputError(directory.string(), concat("holds no ", split_name(split), " tar files"),
                     "expected 'train' or 'val' in their names");
  }
  std::vector<std::string> names = names_beside(directory);
  if (names.empty() && split == Split::kValidation && rule == ClassRule::kOfTraining) {
    const std::vector<fs::path> train = find_tars(directory, Split::kTrain);
    if (!train.empty()) names = TarDataset(train, {}).class_names();
  }
  return std::make_unique<TarDataset>(std::move(tars), std::move(names));
}

std::unique_ptr<Dataset> open_archive(const fs::path& file, Split split) {
  if (is_tar(file)) return std::make_unique<TarDataset>(std::vector{file}, names_beside(file.parent_path()));
  return std::make_unique<ZipDataset>(file, split);
}

bool holds_records(const fs::path& directory) {
  return !find_shards(directory, "train").empty() || !find_shards(directory, "validation").empty();
}

std::unique_ptr<Dataset> open_validation_folder(const fs::path& directory, ClassRule rule) {
  const fs::path train = directory / "train";
  const bool known = is_folder(train) && rule == ClassRule::kOfTraining;
  const std::vector<std::string> class_names = known ? folder_names(train) : std::vector<std::string>{};
  for (const char* name : {"validation", "val", "test"}) {
    if (is_folder(directory / name)) return std::make_unique<ImageFolder>(directory / name, class_names);
  }
  if (is_folder(train)) throw InputError(directory.string(), "holds no validation split", kLayouts);
  return std::make_unique<ImageFolder>(directory);
}

}  // namespace

Example make_example(const Sample& sample, const std::string& class_name) {
  using Texts = std::vector<std::string>;
  using Integers = std::vector<int64_t>;
  const ImageSize size = read_image_size(sample.encoded, sample.name);
  return {{"image/encoded", Texts{std::string(sample.encoded.begin(), sample.encoded.end())}},
          {"image/filename", Texts{fs::path(sample.name).filename().string()}},
          {"image/format", Texts{format_name(detect_format(sample.encoded))}},
          {"image/height", Integers{size.height}},
          {"image/width", Integers{size.width}},
          {"image/class/label", Integers{sample.label}},
          {"image/class/text", Texts{class_name}}};
}

Example Dataset::example(int64_t index) const {
  const Sample sample = read(index);
  const bool named = sample.label >= 0 && sample.label < classes();
  return make_example(sample, named ? class_names()[static_cast<size_t>(sample.label)] : "");
}

DatasetRange::DatasetRange(const Dataset& whole, int64_t begin, int64_t end) : whole_(whole), begin_(begin), end_(end) {
  if (begin < 0 || begin > end || end > whole.size()) {
    throw UsageError("data set range", concat(begin, "…", end, " of ", whole.size(), " samples"));
  }
}

EvenlySpread::EvenlySpread(const Dataset& whole, int64_t count) : whole_(whole), count_(count) {
  if (count < 1 || count > whole.size()) {
    throw UsageError("data set sample", concat(count, " of ", whole.size(), " samples"));
  }
}

const char* split_name(Split split) { return split == Split::kTrain ? "train" : "validation"; }

std::unique_ptr<Dataset> open_dataset(const fs::path& directory, Split split, ClassRule rule) {
  std::error_code code;
  if (fs::is_regular_file(directory, code)) return open_archive(directory, split);
  if (folder_names(directory).empty() && fs::is_empty(directory)) {
    throw InputError(directory.string(), "is an empty folder", kLayouts);
  }
  if (holds_records(directory)) return open_records(directory, split, rule);
  if (holds_tars(directory)) return open_tars(directory, split, rule);
  if (split == Split::kValidation) return open_validation_folder(directory, rule);
  if (!is_folder(directory / "train")) throw InputError(directory.string(), "holds no training split", kLayouts);
  return std::make_unique<ImageFolder>(directory / "train");
}

std::unique_ptr<Dataset> open_unlabelled(const fs::path& path) {
  if (!is_folder(path)) {
    if (has_ending(path, {".zip"}) || is_tar(path)) return open_archive(path, Split::kValidation);
    return std::make_unique<UnlabelledImages>(path);
  }
  if (holds_records(path)) {
    const Split split = find_shards(path, "validation").empty() ? Split::kTrain : Split::kValidation;
    return open_records(path, split, ClassRule::kAny);
  }
  if (!holds_tars(path)) return std::make_unique<UnlabelledImages>(path);
  const Split split = find_tars(path, Split::kValidation).empty() ? Split::kTrain : Split::kValidation;
  return open_tars(path, split, ClassRule::kAny);
}

}  // namespace assemble
