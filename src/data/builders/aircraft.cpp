// SPDX-License-Identifier: Apache-2.0
// FGVC Aircraft (Maji et al. 2013), variants, https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft.
#include "builders/raw_files.h"

namespace assemble::raw {
namespace {

/// Lines are IMAGE VARIANT, where the variant may hold spaces.
std::vector<RawImage> list_split(const fs::path& data, const std::string& list,
                                 const std::map<std::string, int64_t>& labels) {
  std::vector<RawImage> images;
  for (const Line& line : read_lines(data / list)) {
    const std::string image = line.words(2)[0];
    const size_t variant = line.text.find_first_not_of(" \t", line.text.find(image) + image.size());
    images.push_back({.path = inside(data / "images", image + ".jpg", line.where),
                      .label = label_of(labels, line.text.substr(variant), line.where)});
  }
  return images;
}

}  // namespace

RawDataset list_aircraft(const fs::path& raw) {
  const fs::path data = find_one(raw, {"data/variants.txt", "variants.txt"}).parent_path();
  RawDataset dataset;
  for (const Line& line : read_lines(data / "variants.txt")) dataset.class_names.push_back(line.text);
  const auto labels = labels_of(dataset.class_names, (data / "variants.txt").string());
  dataset.train = list_split(data, "images_variant_trainval.txt", labels);
  dataset.validation = list_split(data, "images_variant_test.txt", labels);
  return dataset;
}

}  // namespace assemble::raw
