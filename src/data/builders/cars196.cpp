// SPDX-License-Identifier: Apache-2.0
// Stanford Cars (Krause et al. 2013): the first publication (car_ims/, cars_annos.mat with a column `test`) and the
// second (cars_train/, cars_test/, devkit/).
#include <algorithm>

#include "assemble/core/error.h"
#include "builders/mat_file.h"
#include "builders/raw_files.h"

namespace assemble::raw {
namespace {

std::vector<std::string> class_names_of(const fs::path& file) {
  const MatVariable cells = MatFile(file).read("class_names");
  std::vector<std::string> names;
  for (size_t i = 0; i < cells.size(); ++i) names.push_back(cells.cell_text(i));
  if (names.empty()) throw InputError(file.string(), "names no classes");
  labels_of(names, file.string());
  return names;
}

int64_t label_at(const MatVariable& annotations, size_t index, size_t classes, const fs::path& file) {
  const int64_t label = annotations.integer(index, "class");
  if (label < 1 || label > static_cast<int64_t>(classes)) {
    throw InputError(file.string(), concat("element ", index + 1, " is of class ", label, ", expected 1…", classes));
  }
  return label - 1;
}

/// Sides are counted from 1, and the last ones belong to the box. Publications without the columns have no boxes.
std::vector<Window> boxes_at(const MatVariable& annotations, size_t index) {
  const char* names[] = {"bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"};
  int sides[4];
  for (int i = 0; i < 4; ++i) {
    if (!annotations.has(names[i])) return {};
    constexpr int64_t kMaxSide = 1 << 20;
    sides[i] = static_cast<int>(std::clamp(annotations.integer(index, names[i]), -kMaxSide, kMaxSide));
  }
  return {{sides[1] - 1, sides[0] - 1, sides[3] - sides[1] + 1, sides[2] - sides[0] + 1}};
}

std::vector<RawImage> list_split(const fs::path& folder, const fs::path& file, size_t classes) {
  const MatVariable annotations = MatFile(file).read("annotations");
  std::vector<RawImage> images;
  for (size_t i = 0; i < annotations.size(); ++i) {
    images.push_back({.path = inside(folder, annotations.text(i, "fname"), file.string()),
                      .label = label_at(annotations, i, classes, file),
                      .pixel_boxes = boxes_at(annotations, i)});
  }
  return images;
}

/// @param is_validation told label and column `test` of an image
template <typename IsValidation>
RawDataset list_first_publication(const fs::path& raw, const IsValidation& is_validation) {
  const fs::path file = find_one(raw, {"cars_annos.mat"});
  RawDataset dataset{class_names_of(file), {}, {}};
  const MatVariable annotations = MatFile(file).read("annotations");
  for (size_t i = 0; i < annotations.size(); ++i) {
    const int64_t label = label_at(annotations, i, dataset.class_names.size(), file);
    RawImage image{.path = inside(raw, annotations.text(i, "relative_im_path"), file.string()),
                   .label = label,
                   .pixel_boxes = boxes_at(annotations, i)};
    const bool validation = is_validation(label, annotations.integer(i, "test") != 0);
    (validation ? dataset.validation : dataset.train).push_back(std::move(image));
  }
  return dataset;
}

}  // namespace

RawDataset list_cars196(const fs::path& raw) {
  if (fs::exists(raw / "cars_annos.mat")) {
    return list_first_publication(raw, [](int64_t, bool test) { return test; });
  }
  const fs::path devkit = find_one(raw, {"devkit", "car_devkit/devkit"});
  RawDataset dataset{class_names_of(devkit / "cars_meta.mat"), {}, {}};
  const size_t classes = dataset.class_names.size();
  dataset.train = list_split(raw / "cars_train", devkit / "cars_train_annos.mat", classes);
  const fs::path labels = fs::exists(raw / "cars_test_annos_withlabels.mat")
                              ? raw / "cars_test_annos_withlabels.mat"
                              : devkit / "cars_test_annos_withlabels.mat";
  dataset.validation = list_split(raw / "cars_test", labels, classes);
  return dataset;
}

RawDataset list_cars196_zeroshot(const fs::path& raw) {
  const auto classes = static_cast<int64_t>(class_names_of(find_one(raw, {"cars_annos.mat"})).size());
  return list_first_publication(raw, [classes](int64_t label, bool) { return label >= classes / 2; });
}

}  // namespace assemble::raw
