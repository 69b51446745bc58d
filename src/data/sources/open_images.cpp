// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/open_images.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/label_file.h"
#include "sources/listing.h"

namespace assemble {
namespace {

/// Do images lie in the folder that a data set took for one of class folders?
bool has_images_beside_classes(const fs::path& path, const Dataset& dataset) {
  if (dynamic_cast<const ImageFolder*>(&dataset) == nullptr || fs::path(dataset.where()) != path) return false;
  return holds_images(path);
}

/// Path of an image that is a file of its own, below the data set's folder; empty for others.
fs::path relative_file(const Dataset& dataset, int64_t index) {
  if (const auto* folder = dynamic_cast<const ImageFolder*>(&dataset)) return folder->file(index);
  if (const auto* images = dynamic_cast<const UnlabelledImages*>(&dataset)) return images->file(index);
  if (const auto* files = dynamic_cast<const LabelledFiles*>(&dataset)) return files->file(index);
  return {};
}

}  // namespace

std::unique_ptr<Dataset> open_images(const fs::path& path, std::optional<Split> split, Split preferred,
                                     const RecordFiles& files) {
  if (split) return open_dataset(path, *split, ClassRule::kOfTraining, files);
  if (is_image_file(path) && !fs::is_directory(path)) return open_unlabelled(path);
  std::string reason = "images lie beside its folders";
  try {
    auto dataset = open_dataset(path, preferred, ClassRule::kOfTraining, files);
    if (!has_images_beside_classes(path, *dataset)) return dataset;
  } catch (const InputError& error) {
    reason = error.what();
  }
  auto images = open_unlabelled(path, files);
  log_info(
      concat(path.string(), ": taken as ", images->size(), " images without labels, as it is no data set: ", reason));
  return images;
}

bool images_are_files(const Dataset& dataset) { return dataset.size() > 0 && !relative_file(dataset, 0).empty(); }

fs::path image_name(const Dataset& dataset, int64_t index) {
  fs::path file = relative_file(dataset, index);
  if (!file.empty()) return file;
  return concat("image_", zero_padded(static_cast<uint64_t>(index), 8));
}

ImageList::ImageList(const std::vector<std::string>& paths, const RecordFiles& files) {
  int64_t end = 0;
  for (const std::string& path : paths) {
    parts_.push_back(open_unlabelled(path, files));
    ends_.push_back(end += parts_.back()->size());
  }
}

int64_t ImageList::size() const { return ends_.empty() ? 0 : ends_.back(); }

ImageList::Place ImageList::place(int64_t index) const {
  const auto part = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin());
  return {*parts_.at(part), part == 0 ? index : index - ends_[part - 1]};
}

Sample ImageList::read(int64_t index) const {
  const auto [images, number] = place(index);
  return images.read(number);
}

std::string ImageList::path(int64_t index) const {
  const auto [images, number] = place(index);
  if (!images_are_files(images)) return concat(images.where(), " image ", number);
  // A file given itself is its data set's place.
  const bool itself = !fs::is_directory(images.where());
  return itself ? images.where() : (fs::path(images.where()) / image_name(images, number)).string();
}

std::string ImageList::name(int64_t index) const {
  const auto [images, number] = place(index);
  return image_name(images, number).string();
}

}  // namespace assemble
