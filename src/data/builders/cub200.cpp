// SPDX-License-Identifier: Apache-2.0
// CUB-200-2011 (Wah et al. 2011) as the zero-shot split of metric learning: the first half of the classes is for
// training, the other for retrieval. Labels of all classes stay those of classes.txt.
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "builders/raw_files.h"

namespace assemble::raw {
namespace {

/// Second column by the first, of files whose lines are KEY VALUE.
std::map<std::string, std::string> read_pairs(const fs::path& file) {
  std::map<std::string, std::string> pairs;
  for (const Line& line : read_lines(file)) {
    const std::vector<std::string> words = line.words(2);
    pairs[words[0]] = words[1];
  }
  return pairs;
}

/// Lines are IMAGE X Y WIDTH HEIGHT, in pixels with decimals.
std::map<std::string, Window> read_boxes(const fs::path& file) {
  std::map<std::string, Window> boxes;
  if (!fs::exists(file)) return boxes;
  for (const Line& line : read_lines(file)) {
    const std::vector<std::string> words = line.words(5);
    double sides[4];
    for (int i = 0; i < 4; ++i) {
      std::string_view rest;
      const auto value = parse_number(words[i + 1], &rest);
      if (!value || !rest.empty() || !(std::abs(*value) < 1 << 20)) {
        throw InputError(line.where, "'" + line.text + "', expected IMAGE X Y WIDTH HEIGHT in pixels");
      }
      sides[i] = *value;
    }
    const auto pixel = [](double value) { return static_cast<int>(std::lround(value)); };
    boxes[words[0]] = {pixel(sides[1]), pixel(sides[0]), pixel(sides[3]), pixel(sides[2])};
  }
  return boxes;
}

}  // namespace

RawDataset list_cub200_zeroshot(const fs::path& raw) {
  RawDataset dataset;
  for (const Line& line : read_lines(raw / "classes.txt")) dataset.class_names.push_back(line.words(2)[1]);
  const auto classes = static_cast<int64_t>(dataset.class_names.size());
  const auto names = read_pairs(raw / "images.txt");
  const auto boxes = read_boxes(raw / "bounding_boxes.txt");
  for (const Line& line : read_lines(raw / "image_class_labels.txt")) {
    const std::vector<std::string> words = line.words(2);
    const int64_t label = line.integer(words[1], 1, classes) - 1;
    const auto name = names.find(words[0]);
    if (name == names.end()) throw InputError(line.where, "image " + words[0] + " is not in images.txt");
    RawImage image{.path = inside(raw / "images", name->second, line.where), .label = label};
    if (const auto box = boxes.find(words[0]); box != boxes.end()) image.pixel_boxes = {box->second};
    (label < classes / 2 ? dataset.train : dataset.validation).push_back(std::move(image));
  }
  return dataset;
}

}  // namespace assemble::raw
