// SPDX-License-Identifier: Apache-2.0
// Stanford Online Products (Song et al. 2016): products of training and test differ, and every product is a class.
#include <algorithm>

#include "builders/raw_files.h"

namespace assemble::raw {
namespace {

constexpr int64_t kMaxProducts = 1 << 20;  // 22,634 as published

/// Lines are IMAGE_ID CLASS_ID SUPER_CLASS_ID PATH, after one of column names.
std::vector<RawImage> list_split(const fs::path& raw, const std::string& list) {
  std::vector<RawImage> images;
  for (const Line& line : read_lines(raw / list)) {
    const std::vector<std::string> words = line.words(4);
    if (words[0] == "image_id") continue;
    images.push_back({.path = inside(raw, words[3], line.where), .label = line.integer(words[1], 1, kMaxProducts) - 1});
  }
  return images;
}

}  // namespace

RawDataset list_sop(const fs::path& raw) {
  RawDataset dataset;
  dataset.train = list_split(raw, "Ebay_train.txt");
  dataset.validation = list_split(raw, "Ebay_test.txt");
  int64_t largest = 0;
  for (const auto* images : {&dataset.train, &dataset.validation}) {
    for (const RawImage& image : *images) largest = std::max(largest, image.label);
  }
  for (int64_t label = 0; label <= largest; ++label) dataset.class_names.push_back(std::to_string(label + 1));
  return dataset;
}

}  // namespace assemble::raw
