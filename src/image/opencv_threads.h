// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assemble {

/// Keeps OpenCV's operators to the thread that calls them, for the whole process: images are the unit of work, and
/// threads inside an operator would only fight over the cores. Safe from any thread, unlike cv::setNumThreads, which
/// takes down and sets up the pool that other threads are using.
void keep_opencv_to_one_thread();

}  // namespace assemble
