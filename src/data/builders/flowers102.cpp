// SPDX-License-Identifier: Apache-2.0
// Oxford Flowers-102 (Nilsback & Zisserman 2008), https://www.robots.ox.ac.uk/~vgg/data/flowers/102. Training takes the
// published training and validation images, validation the test images. The classes have no published names.
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "builders/mat_file.h"
#include "builders/raw_files.h"

namespace assemble::raw {
namespace {

constexpr double kMaxFlowers = 1000;  // 102 as published

std::string image_name(size_t number) { return concat("image_", zero_padded(number, 5), ".jpg"); }

}  // namespace

RawDataset list_flowers102(const fs::path& raw) {
  const std::vector<double> labels = MatFile(raw / "imagelabels.mat").read("labels").numbers();
  const double largest = *std::max_element(labels.begin(), labels.end());
  const double smallest = *std::min_element(labels.begin(), labels.end());
  if (!(smallest >= 1 && largest <= kMaxFlowers)) {
    throw InputError((raw / "imagelabels.mat").string(), concat("labels ", smallest, "…", largest, ", expected 1…102"));
  }
  RawDataset dataset;
  for (int label = 1; label <= static_cast<int>(largest); ++label) {
    dataset.class_names.push_back(std::to_string(label));
  }
  const MatFile splits(raw / "setid.mat");
  const auto add = [&](const char* name, std::vector<RawImage>& images) {
    for (const double number : splits.read(name).numbers()) {
      if (!(number >= 1 && number <= static_cast<double>(labels.size()))) {
        throw InputError((raw / "setid.mat").string(), concat(name, " names image ", number, " of ", labels.size()));
      }
      const auto index = static_cast<size_t>(number);
      images.push_back({.path = raw / "jpg" / image_name(index), .label = static_cast<int64_t>(labels[index - 1]) - 1});
    }
  };
  add("trnid", dataset.train);
  add("valid", dataset.train);
  add("tstid", dataset.validation);
  return dataset;
}

}  // namespace assemble::raw
