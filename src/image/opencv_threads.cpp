// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/opencv_threads.h"

#include <opencv2/core.hpp>

namespace assemble {

void keep_opencv_to_one_thread() { cv::setNumThreads(1); }

}  // namespace assemble
