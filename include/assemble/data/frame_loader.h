// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "assemble/image/preprocess.h"

namespace assemble {

/// Frames of one image as a network sees them.
struct FrameGroup {
  int64_t index = 0;  ///< of the group
  int64_t frames = 0;
  int64_t side = 0;           ///< height and width, pixels
  std::vector<float> images;  ///< NHWC, frames · side · side · 3
};

/// Makes groups of frames on threads of its own, ahead of the caller, who gets them in order. A group that cannot be
/// made (InputError) is logged, counted and left out.
class FrameLoader {
 public:
  struct Options {
    Preprocessing preprocessing;  ///< frames are resized to eval_size where they have another side
    int threads = 0;              ///< 0: every core
    int64_t max_broken = 100;     ///< groups that may be left out before it gives up
  };

  /// @param make the frames of a group, squares of one side; called from many threads
  FrameLoader(int64_t groups, std::function<std::vector<Image>(int64_t)> make, const Options& options);
  ~FrameLoader();
  FrameLoader(const FrameLoader&) = delete;
  FrameLoader& operator=(const FrameLoader&) = delete;

  /// @return false at the end
  /// @throws InputError when more than max_broken groups were broken, and whatever else `make` threw
  bool next(FrameGroup& group);
  int64_t broken() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assemble
