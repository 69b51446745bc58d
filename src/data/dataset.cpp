// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/dataset.h"

#include "assemble/core/error.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/tfrecord_dataset.h"
#include "folders.h"
#include "shards.h"

namespace assemble {
namespace {

constexpr const char* kLayouts =
    "expected train/CLASS/IMAGE and validation/CLASS/IMAGE (or val, test), or TFRecords train-00000-of-0000N, "
    "validation-00000-of-0000N and classes.txt";

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

std::unique_ptr<Dataset> open_records(const fs::path& directory, Split split) {
  const std::string wanted = split == Split::kTrain ? "train" : "validation";
  std::vector<fs::path> shards = find_shards(directory, wanted);
  if (shards.empty()) throw InputError(directory.string(), "holds no " + wanted + " TFRecords", kLayouts);
  return std::make_unique<TfRecordDataset>(std::move(shards), read_class_names(directory / "classes.txt"));
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
  if (folder_names(directory).empty() && fs::is_empty(directory)) {
    throw InputError(directory.string(), "is an empty folder", kLayouts);
  }
  if (!find_shards(directory, "train").empty() || !find_shards(directory, "validation").empty()) {
    return open_records(directory, split);
  }
  if (split == Split::kValidation) return open_validation_folder(directory);
  if (!is_folder(directory / "train")) throw InputError(directory.string(), "holds no training split", kLayouts);
  return std::make_unique<ImageFolder>(directory / "train");
}

}  // namespace assemble
