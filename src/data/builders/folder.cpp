// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/data/dataset.h"
#include "assemble/data/image_folder.h"
#include "builders/raw_files.h"

namespace assemble::raw {
namespace {

std::vector<RawImage> images_of(const Dataset& dataset) {
  const auto* folder = dynamic_cast<const ImageFolder*>(&dataset);
  if (folder == nullptr) throw InputError(dataset.where(), "is not a folder a class", "unpack it first");
  std::vector<RawImage> images;
  for (int64_t i = 0; i < folder->size(); ++i) {
    images.push_back({.path = fs::path(folder->where()) / folder->file(i), .label = folder->label(i)});
  }
  return images;
}

}  // namespace

RawDataset list_folder(const fs::path& raw) {
  const auto train = open_dataset(raw, Split::kTrain);
  const auto validation = open_dataset(raw, Split::kValidation);
  return {train->class_names(), images_of(*train), images_of(*validation)};
}

}  // namespace assemble::raw
