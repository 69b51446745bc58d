// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/dataset.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/manifest.h"
#include "assemble/data/tar_dataset.h"
#include "assemble/data/tfrecord_dataset.h"
#include "assemble/data/zip_dataset.h"
#include "folders.h"
#include "shards.h"

namespace assemble {
namespace {

constexpr const char* kLayouts =
    "expected train/CLASS/IMAGE and validation/CLASS/IMAGE (or val, test), or TFRecords train-00000-of-0000N, "
    "validation-00000-of-0000N and classes.txt, or tar files with train and val in their names, or a zip file";

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

std::unique_ptr<Dataset> open_records(const fs::path& directory, Split split) {
  const std::string wanted = split == Split::kTrain ? "train" : "validation";
  std::vector<fs::path> shards = find_shards(directory, wanted);
  if (shards.empty()) throw InputError(directory.string(), "holds no " + wanted + " TFRecords", kLayouts);
  return std::make_unique<TfRecordDataset>(std::move(shards), class_names_of(directory));
}

bool is_tar(const fs::path& path) {
  const std::string name = to_lower(path.filename().string());
  return name.ends_with(".tar") || name.ends_with(".tar.gz") || name.ends_with(".tgz");
}

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

std::vector<std::string> names_beside(const fs::path& directory) {
  const bool named = fs::exists(directory / Manifest::kFile) || fs::exists(directory / "classes.txt");
  return named ? class_names_of(directory) : std::vector<std::string>{};
}

std::unique_ptr<Dataset> open_tars(const fs::path& directory, Split split) {
  std::vector<fs::path> tars = find_tars(directory, split);
  if (tars.empty()) {
    throw InputError(directory.string(),
                     concat("holds no ", split == Split::kTrain ? "training" : "validation", " tar files"),
                     "expected 'train' or 'val' in their names");
  }
  std::vector<std::string> names = names_beside(directory);
  // Labels of validation are those of training.
  if (names.empty() && split == Split::kValidation) {
    const std::vector<fs::path> train = find_tars(directory, Split::kTrain);
    if (!train.empty()) names = TarDataset(train, {}).class_names();
  }
  return std::make_unique<TarDataset>(std::move(tars), std::move(names));
}

std::unique_ptr<Dataset> open_archive(const fs::path& file, Split split) {
  if (is_tar(file)) return std::make_unique<TarDataset>(std::vector{file}, names_beside(file.parent_path()));
  return std::make_unique<ZipDataset>(file, split);
}

std::unique_ptr<Dataset> open_validation_folder(const fs::path& directory) {
  const fs::path train = directory / "train";
  const std::vector<std::string> class_names = is_folder(train) ? folder_names(train) : std::vector<std::string>{};
  for (const char* name : {"validation", "val", "test"}) {
    if (is_folder(directory / name)) return std::make_unique<ImageFolder>(directory / name, class_names);
  }
  if (is_folder(train)) throw InputError(directory.string(), "holds no validation split", kLayouts);
  return std::make_unique<ImageFolder>(directory);
}

}  // namespace

std::unique_ptr<Dataset> open_dataset(const fs::path& directory, Split split) {
  std::error_code code;
  if (fs::is_regular_file(directory, code)) return open_archive(directory, split);
  if (folder_names(directory).empty() && fs::is_empty(directory)) {
    throw InputError(directory.string(), "is an empty folder", kLayouts);
  }
  if (!find_shards(directory, "train").empty() || !find_shards(directory, "validation").empty()) {
    return open_records(directory, split);
  }
  if (!find_tars(directory, Split::kTrain).empty() || !find_tars(directory, Split::kValidation).empty()) {
    return open_tars(directory, split);
  }
  if (split == Split::kValidation) return open_validation_folder(directory);
  if (!is_folder(directory / "train")) throw InputError(directory.string(), "holds no training split", kLayouts);
  return std::make_unique<ImageFolder>(directory / "train");
}

}  // namespace assemble
