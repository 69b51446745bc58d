// SPDX-License-Identifier: Apache-2.0
// Oxford-IIIT Pets (Parkhi et al. 2012), https://www.robots.ox.ac.uk/~vgg/data/pets.
#include "assemble/core/error.h"
#include "builders/raw_files.h"

namespace assemble::raw {
namespace {

constexpr int64_t kMaxBreeds = 1000;  // 37 as published

/// Lines are NAME CLASS SPECIES BREED, where NAME is BREED_NUMBER and CLASS counts from 1.
std::vector<RawImage> list_split(const fs::path& raw, const fs::path& list, std::map<int64_t, std::string>& names) {
  std::vector<RawImage> images;
  for (const Line& line : read_lines(list)) {
    if (line.text.starts_with('#')) continue;
    const std::vector<std::string> words = line.words(2);
    const int64_t label = line.integer(words[1], 1, kMaxBreeds) - 1;
    const std::string name = words[0].substr(0, words[0].rfind('_'));
    if (names.emplace(label, name).first->second != name) {
      throw InputError(line.where,
                       concat("class ", label + 1, " is '", name, "' here and '", names[label], "' before"));
    }
    images.push_back({.path = inside(raw / "images", words[0] + ".jpg", line.where), .label = label});
  }
  return images;
}

}  // namespace

RawDataset list_pets(const fs::path& raw) {
  RawDataset dataset;
  std::map<int64_t, std::string> names;
  dataset.train = list_split(raw, raw / "annotations/trainval.txt", names);
  dataset.validation = list_split(raw, raw / "annotations/test.txt", names);
  for (const auto& [label, name] : names) {
    if (label != static_cast<int64_t>(dataset.class_names.size())) {
      throw InputError((raw / "annotations").string(), concat("no image of class ", dataset.class_names.size() + 1));
    }
    dataset.class_names.push_back(name);
  }
  return dataset;
}

}  // namespace assemble::raw
