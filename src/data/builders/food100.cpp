// SPDX-License-Identifier: Apache-2.0
// UEC Food-100 (Matsuda et al. 2012), http://foodcam.mobi/dataset100.html. The box of each dish goes into the records.
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/data/image_folder.h"
#include "builders/raw_files.h"

namespace assemble::raw {
namespace {

constexpr int kFolds = 5;  // the last is for validation, as in the original
constexpr int64_t kMaxSide = 1 << 20;

using Boxes = std::map<std::string, std::vector<Window>>;  // by the image's number

/// Lines are IMAGE X1 Y1 X2 Y2, after one of column names.
Boxes read_boxes(const fs::path& file) {
  Boxes boxes;
  for (const Line& line : read_lines(file)) {
    const std::vector<std::string> words = line.words(5);
    if (words[0] == "img") continue;
    int side[4];
    for (int i = 0; i < 4; ++i) side[i] = static_cast<int>(line.integer(words[i + 1], -kMaxSide, kMaxSide));
    if (side[2] <= side[0] || side[3] <= side[1]) throw InputError(line.where, "an empty box: '" + line.text + "'");
    boxes[words[0]].push_back({side[1], side[0], side[3] - side[1], side[2] - side[0]});
  }
  return boxes;
}

class Food100 {
 public:
  explicit Food100(const fs::path& raw) : raw_(raw) {
    for (const Line& line : read_lines(raw / "category.txt")) {
      if (line.text.starts_with("id")) continue;
      const size_t tab = line.text.find('\t');
      const auto expected = static_cast<int64_t>(dataset_.class_names.size()) + 1;
      line.integer(line.words(2)[0], expected, expected);
      dataset_.class_names.push_back(line.text.substr(line.text.find_first_not_of(" \t", tab)));
      boxes_.push_back(read_boxes(raw / std::to_string(expected) / "bb_info.txt"));
    }
  }

  RawDataset list() {
    if (fs::exists(raw_ / "val0.txt")) {
      for (int fold = 0; fold < kFolds; ++fold) add_fold(fold);
    } else {
      log_info((raw_ / "val0.txt").string() + ": missing; every fifth image of a class is for validation");
      add_by_count();
    }
    return std::move(dataset_);
  }

 private:
  RawImage image_of(const fs::path& path, int64_t label) const {
    RawImage image{.path = path, .label = label};
    const Boxes& boxes = boxes_[static_cast<size_t>(label)];
    const auto found = boxes.find(path.stem().string());
    if (found != boxes.end()) image.pixel_boxes = found->second;
    return image;
  }

  /// Lines are paths that end in LABEL/IMAGE.jpg.
  void add_fold(int fold) {
    for (const Line& line : read_lines(raw_ / concat("val", fold, ".txt"))) {
      const fs::path stored(line.text);
      const std::string folder = stored.parent_path().filename().string();
      const int64_t label = line.integer(folder, 1, static_cast<int64_t>(dataset_.class_names.size())) - 1;
      const fs::path path = inside(raw_ / folder, stored.filename().string(), line.where);
      (fold == kFolds - 1 ? dataset_.validation : dataset_.train).push_back(image_of(path, label));
    }
  }

  void add_by_count() {
    for (size_t label = 0; label < dataset_.class_names.size(); ++label) {
      size_t count = 0;
      for (const fs::path& path : find_images(raw_ / std::to_string(label + 1))) {
        const bool last = ++count % kFolds == 0;
        (last ? dataset_.validation : dataset_.train).push_back(image_of(path, static_cast<int64_t>(label)));
      }
    }
  }

  const fs::path& raw_;
  RawDataset dataset_;
  std::vector<Boxes> boxes_;
};

}  // namespace

RawDataset list_food100(const fs::path& raw) { return Food100(raw).list(); }

}  // namespace assemble::raw
