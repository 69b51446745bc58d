// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <utility>

#include "assemble/core/error.h"
#include "assemble/image/image.h"

namespace assemble {

/// work(), which uses OpenCV. What OpenCV refuses, such as warping an image of 32768 or more pixels a
/// side, is an image that cannot be used and not the end of a run.
/// @param operation named in the error
template <typename Work>
auto call_opencv(const std::string& operation, const Image& image, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (const cv::Exception& error) {
    if (error.code == cv::Error::StsNoMem) throw std::bad_alloc();
    throw InputError(operation, concat("does not work on an image of ", image.width, "×", image.height,
                                       " pixels (OpenCV: ", error.err, ")"));
  }
}

}  // namespace assemble
