// SPDX-License-Identifier: Apache-2.0
// ILSVRC 2012 as it was published, in small: all 1,000 classes, drawn images, the archives' names and layouts.
#pragma once

#include <string>
#include <vector>

#include "archives.h"
#include "assemble/core/file.h"
#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "raw_sets.h"
#include "test_support.h"

namespace assemble::test {

/// A drawn JPEG of 32×32, different for each number.
inline Bytes drawn_jpeg(int number) { return encode_jpeg(wavy_image(32, 32, static_cast<uint64_t>(number)), 90); }

/// The devkit's number, 1…1000, of a class by its place among the sorted synsets: an order of its own, as there.
inline int devkit_id(int index) { return 1 + (index * 7 + 3) % 1000; }

/// Place of the class of validation image 1, 2 …
inline int validation_class(int number) { return (number * 13 + 5) % 1000; }

inline std::string validation_name(int number) { return "ILSVRC2012_val_" + zero_padded(number, 8) + ".JPEG"; }

/// meta.mat: the 1,000 classes by their numbers, then synsets above them.
/// @param id name of the field of numbers, which says the year
inline void write_devkit_meta(const fs::path& path, const std::string& id = "ILSVRC2012_ID") {
  constexpr int kEntries = 1010;
  std::vector<std::string> synsets(kEntries), words(kEntries);
  std::vector<double> ids(kEntries), children(kEntries);
  for (int i = 0; i < 1000; ++i) {
    const size_t row = devkit_id(i) - 1;
    synsets[row] = synset_text(imagenet_classes()[i].number);
    words[row] = std::string(imagenet_classes()[i].name) + ", words of the devkit";
  }
  for (int row = 0; row < kEntries; ++row) {
    ids[row] = row + 1;
    if (row < 1000) continue;
    synsets[row] = synset_text(row);
    words[row] = "above the classes";
    children[row] = 2;
  }
  MatWriter(path).structs("synsets",
                          {{id, {}, ids}, {"WNID", synsets, {}}, {"words", words, {}}, {"num_children", {}, children}});
}

inline std::string devkit_truth(int validation_images) {
  std::string truth;
  for (int number = 1; number <= validation_images; ++number) {
    truth += concat(devkit_id(validation_class(number)), '\n');
  }
  return truth;
}

/// ILSVRC2012_devkit_t12.tar.gz
/// @param truth the devkit's number of each validation image, a line each
inline void write_devkit(const fs::path& raw, const std::string& truth, const std::string& id = "ILSVRC2012_ID") {
  TemporaryFolder folder;
  write_devkit_meta(folder / "meta.mat", id);
  make_directories(raw);
  const std::string root = "ILSVRC2012_devkit_t12/";
  write_tar(raw / "ILSVRC2012_devkit_t12.tar.gz",
            {{root + "readme.txt", bytes_of("the devkit")},
             {root + "data/meta.mat", read_file(folder / "meta.mat")},
             {root + "data/ILSVRC2012_validation_ground_truth.txt", bytes_of(truth)}},
            /*gzipped=*/true);
}

inline void write_devkit(const fs::path& raw, int validation_images, const std::string& id = "ILSVRC2012_ID") {
  write_devkit(raw, devkit_truth(validation_images), id);
}

/// ILSVRC2012_img_val.tar, flat. Image 1, 2 … is drawn_jpeg(100000 + number).
inline void write_validation_archive(const fs::path& raw, int images) {
  make_directories(raw);
  Files files;
  for (int number = 1; number <= images; ++number)
    files.push_back({validation_name(number), drawn_jpeg(100000 + number)});
  write_tar(raw / "ILSVRC2012_img_val.tar", files);
}

/// ILSVRC2012_img_train.tar, a tar of a tar for each class with one image: SYNSET_1.JPEG, drawn_jpeg(index).
/// @param classes how many of the 1,000
inline void write_train_archive(const fs::path& raw, int classes = 1000) {
  make_directories(raw);
  TemporaryFolder folder;
  Files tars;
  for (int i = 0; i < classes; ++i) {
    const std::string synset = synset_text(imagenet_classes()[i].number);
    write_tar(folder / "one.tar", {{synset + "_1.JPEG", drawn_jpeg(i)}});
    tars.push_back({synset + ".tar", read_file(folder / "one.tar")});
  }
  write_tar(raw / "ILSVRC2012_img_train.tar", tars);
}

/// All that was published but the boxes.
inline void write_published_imagenet(const fs::path& raw, int validation_images) {
  write_train_archive(raw);
  write_validation_archive(raw, validation_images);
  write_devkit(raw, validation_images);
}

}  // namespace assemble::test
