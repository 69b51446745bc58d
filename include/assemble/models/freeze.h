// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/core/choice.h"

namespace assemble {

/// How much of a network fine-tuning leaves as it is, from the input on.
enum class FreezeDepth {
  kNone,
  kStem,      ///< what comes before the first stage
  kStage1,    ///< the stem and the first stage
  kStage2,    ///< as far as the second stage
  kStage3,    ///< as far as the third stage
  kBackbone,  ///< all but the head: embedding and classifier alone are trained
};
inline constexpr auto kFreezeDepths = choices<FreezeDepth>("freeze", {{FreezeDepth::kNone, "none"},
                                                                      {FreezeDepth::kStem, "stem"},
                                                                      {FreezeDepth::kStage1, "stage1"},
                                                                      {FreezeDepth::kStage2, "stage2"},
                                                                      {FreezeDepth::kStage3, "stage3"},
                                                                      {FreezeDepth::kBackbone, "backbone"}});

}  // namespace assemble
