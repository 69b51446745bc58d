// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "assemble/image/decode.h"
#include "assemble/image/preprocess.h"

namespace assemble {

/// The part of an image that a network sees in evaluation, in pixels of the decoded image (turned where the
/// preprocessing turns it). It leaves the image where borders are added.
struct EvaluationView {
  double y = 0, x = 0, height = 0, width = 0;

  /// The same in a copy of the image whose height and width are so many times as large.
  EvaluationView scaled(double rows, double columns) const {
    return {y * rows, x * columns, height * rows, width * columns};
  }
};

/// @param size of the decoded image
/// @throws InputError for an image that preprocess_eval() refuses as too large to make
EvaluationView evaluation_view(ImageSize size, const Preprocessing& preprocessing, const std::string& where);

}  // namespace assemble
