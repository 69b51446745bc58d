// SPDX-License-Identifier: Apache-2.0
// Food-101 (Bossard et al. 2014), https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101.
#include "builders/raw_files.h"

namespace assemble::raw {
namespace {

/// Lines are CLASS/ID.
std::vector<RawImage> list_split(const fs::path& raw, const fs::path& list,
                                 const std::map<std::string, int64_t>& labels) {
  std::vector<RawImage> images;
  for (const Line& line : read_lines(list)) {
    const std::string class_name = line.text.substr(0, line.text.find('/'));
    images.push_back({.path = inside(raw / "images", line.text + ".jpg", line.where),
                      .label = label_of(labels, class_name, line.where)});
  }
  return images;
}

}  // namespace

RawDataset list_food101(const fs::path& raw) {
  RawDataset dataset;
  const fs::path classes = raw / "meta/classes.txt";
  for (const Line& line : read_lines(classes)) dataset.class_names.push_back(line.text);
  const auto labels = labels_of(dataset.class_names, classes.string());
  dataset.train = list_split(raw, raw / "meta/train.txt", labels);
  dataset.validation = list_split(raw, raw / "meta/test.txt", labels);
  return dataset;
}

}  // namespace assemble::raw
