// SPDX-License-Identifier: Apache-2.0
// iFood-2019 (FGVC6), https://github.com/karansikka1/iFood_2019: 251 classes.
#include "assemble/core/error.h"
#include "assemble/core/text_file.h"
#include "builders/raw_files.h"

namespace assemble::raw {
namespace {

/// Lines are IMAGE,LABEL, after one of column names.
std::vector<RawImage> list_split(const fs::path& folder, const fs::path& list, int64_t classes) {
  std::vector<RawImage> images;
  for (const Line& line : read_lines(list)) {
    const std::vector<std::string> cells = csv_cells(line.text);
    if (cells.size() != 2) throw InputError(line.where, "expected IMAGE,LABEL: '" + line.text + "'");
    if (cells[0] == "img_name") continue;
    images.push_back({.path = inside(folder, cells[0], line.where), .label = line.integer(cells[1], 0, classes - 1)});
  }
  return images;
}

}  // namespace

RawDataset list_ifood2019(const fs::path& raw) {
  RawDataset dataset;
  for (const Line& line : read_lines(raw / "class_list.txt")) {
    const std::vector<std::string> words = line.words(2);
    const auto expected = static_cast<int64_t>(dataset.class_names.size());
    line.integer(words[0], expected, expected);
    dataset.class_names.push_back(words[1]);
  }
  const auto classes = static_cast<int64_t>(dataset.class_names.size());
  dataset.train = list_split(raw / "train_set", find_one(raw, {"train_labels.csv", "train_info.csv"}), classes);
  dataset.validation = list_split(raw / "val_set", find_one(raw, {"val_labels.csv", "val_info.csv"}), classes);
  return dataset;
}

}  // namespace assemble::raw
