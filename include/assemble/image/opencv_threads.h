// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assemble {

/// Keeps OpenCV's operators, by which images are corrupted and perturbed, to the thread that calls them, for the whole
/// process. A program that works on many images at a time is faster so: threads inside an operator would only fight
/// over the cores. To be called before other threads use OpenCV, whose pool it takes down. Results do not depend on it.
void keep_opencv_to_one_thread();

}  // namespace assemble
