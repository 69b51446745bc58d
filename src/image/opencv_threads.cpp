// SPDX-License-Identifier: Apache-2.0
#include "opencv_threads.h"

#include <mutex>
#include <opencv2/core.hpp>

namespace assemble {

void keep_opencv_to_one_thread() {
  static std::once_flag once;
  std::call_once(once, [] { cv::setNumThreads(1); });
}

}  // namespace assemble
