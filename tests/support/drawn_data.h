// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "assemble/data/draw.h"
#include "test_support.h"

namespace assemble::test {

/// A small drawn data set on disk, shared by all tests of a program: 6 training and 3 validation images a class, 32×32.
inline const fs::path& drawn_data() {
  static const TemporaryFolder folder;
  static const fs::path path = [] {
    DrawOptions options;
    options.train_per_class = 6;
    options.validation_per_class = 3;
    options.side = 32;
    draw_dataset(folder / "drawn", options);
    return folder / "drawn";
  }();
  return path;
}

}  // namespace assemble::test
