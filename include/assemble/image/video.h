// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "assemble/core/file.h"
#include "assemble/image/image.h"

namespace assemble {

struct VideoOptions {
  int quality = 20;    ///< constant rate factor of x264, 0 (without loss) … 51
  bool grain = false;  ///< x264's tuning that keeps grain; with quality 23 what the noises of ImageNet-P were made with
};

/// Writes frames of one size as an .mp4 of one frame a second: H.264 by libx264, preset veryslow, 4:4:4, as ImageNet-P
/// was published. The file appears whole or not at all.
/// @throws UsageError for no frames, sizes that differ or a quality out of range
/// @throws RunError when libavcodec has no libx264, or when writing fails
void write_video(const fs::path& path, const std::vector<Image>& frames, const VideoOptions& options = {});

/// Largest video that read_video() accepts.
inline constexpr int kMaxVideoFrames = 1000;
inline constexpr int kMaxVideoSide = 4096;

/// Every frame of an .mp4, in the order they are shown. Whatever libavcodec can decode is read.
/// @throws InputError when it is no video, is damaged, ends early or is larger than the limits
std::vector<Image> read_video(const fs::path& path);

}  // namespace assemble
