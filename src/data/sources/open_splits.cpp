// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/data/image_folder.h"
#include "sources/labelled_files.h"
#include "sources/listing.h"
#include "sources/splits.h"

namespace assemble {
namespace {

/// A folder of images without any of classes, or an image itself.
bool is_flat(const fs::path& path) {
  std::error_code code;
  if (!fs::is_directory(path, code)) return is_image_file(path);
  return holds_images(path) && folder_names(path).empty();
}

std::unique_ptr<Dataset> open_if_there(const fs::path& path, Split split, const RecordFiles& files) {
  const bool trains = split == Split::kTrain;
  const std::string& own = trains ? files.train_files : files.validation_files;
  const std::string& other = trains ? files.validation_files : files.train_files;
  if (own.empty() && !other.empty()) return nullptr;
  try {
    return open_dataset(path, split, ClassRule::kOwn, files);
  } catch (const NoSuchSplit&) {
    return nullptr;
  }
}

std::string first_name(const Dataset& images) {
  try {
    return images.read(0).name;
  } catch (const InputError& error) {
    return error.where();
  }
}

/// Test images are taken for validation where there are no others.
bool are_same(const Dataset& a, const Dataset& b) {
  if (a.size() != b.size() || a.size() == 0) return a.where() == b.where() && a.size() == b.size();
  return first_name(a) == first_name(b);
}

/// Whether a validation split is one only because training never takes images of no split.
bool is_of_no_split(const Dataset& images, const fs::path& path) {
  return images.part().empty() && fs::path(images.where()).lexically_normal() == path.lexically_normal();
}

}  // namespace

std::vector<OpenSplit> open_splits(const fs::path& path, const RecordFiles& files, bool several) {
  if (!files.split_file.empty()) return open_label_splits(files.split_file, images_root(path), several);
  if (is_label_file(path) && !fs::is_directory(path)) return open_label_splits(path, images_root(path), several);
  std::vector<OpenSplit> splits;
  if (is_flat(path)) {
    splits.push_back({std::nullopt, open_unlabelled(path, files)});
    return splits;
  }
  auto train = open_if_there(path, Split::kTrain, files);
  auto test = open_if_there(path, Split::kTest, files);
  auto validation = open_if_there(path, Split::kValidation, files);
  if (validation && test && are_same(*validation, *test)) validation = nullptr;
  const bool alone = !train && !test && validation && is_of_no_split(*validation, path);
  if (train) splits.push_back({Split::kTrain, std::move(train)});
  if (validation) splits.push_back({alone ? std::nullopt : std::optional(Split::kValidation), std::move(validation)});
  if (test) splits.push_back({Split::kTest, std::move(test)});
  if (splits.empty()) open_dataset(path, Split::kTrain, ClassRule::kOwn, files);  // says what is missing
  return splits;
}

}  // namespace assemble
