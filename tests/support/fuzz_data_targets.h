// SPDX-License-Identifier: Apache-2.0
// As fuzz_targets.h, for what data sets are made of.
#pragma once

#include "../../src/data/builders/box_xml.h"
#include "../../src/data/builders/mat_file.h"
#include "assemble/data/tar_dataset.h"
#include "assemble/data/zip_dataset.h"
#include "fuzz_targets.h"

namespace assemble::fuzz {

inline void read_all(const Dataset& dataset) {
  for (int64_t i = 0; i < std::min<int64_t>(dataset.size(), 100); ++i) {
    try {
      const Sample sample = dataset.read(i);
      require(sample.label >= 0 && sample.label < dataset.classes());
    } catch (const InputError&) {
    }
  }
}

inline void check_archive(std::span<const uint8_t> bytes) {
  const MemoryFile file(bytes);
  try {
    read_all(TarDataset({file.path()}, {}));
  } catch (const InputError&) {
  }
  for (const Split split : {Split::kTrain, Split::kValidation}) {
    try {
      read_all(ZipDataset(file.path(), split));
    } catch (const InputError&) {
    }
  }
}

inline void check_box_xml(std::span<const uint8_t> bytes) {
  try {
    for (const BoundingBox& box : raw::parse_boxes(bytes, "input")) {
      require(box.ymin >= 0 && box.ymin < box.ymax && box.ymax <= 1);
      require(box.xmin >= 0 && box.xmin < box.xmax && box.xmax <= 1);
    }
  } catch (const InputError&) {
  }
}

inline void check_mat(std::span<const uint8_t> bytes) {
  const MemoryFile memory(bytes);
  const auto attempt = [](const auto& call) {
    try {
      call();
    } catch (const InputError&) {
    }
  };
  attempt([&] {
    const raw::MatFile file(memory.path());
    attempt([&] { file.read("labels").numbers(); });
    attempt([&] { file.read("class_names").cell_text(0); });
    attempt([&] {
      const raw::MatVariable annotations = file.read("annotations");
      for (size_t i = 0; i < std::min<size_t>(annotations.size(), 10); ++i) {
        attempt([&] { annotations.integer(i, "class"); });
        attempt([&] { annotations.text(i, "fname"); });
      }
    });
  });
}

}  // namespace assemble::fuzz
