// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/eval/measured_ensemble.h"

namespace assemble {

/// Runs networks, whose probabilities are averaged, over this process' part (loader.rank and loader.world) of groups of
/// frames, each network in its turn. A group that cannot be made is left out.
/// @param make the frames of a group; called from many threads, for every network anew
/// @param see  gets the averaged logits of each group
/// @throws UsageError for views that frames do not have, RunError for logits that are not finite
void run_frames(const MeasuredEnsemble& ensemble, int64_t groups,
                const std::function<std::vector<Image>(int64_t)>& make, const std::string& progress,
                const std::function<void(int64_t group, const Matrix& logits)>& see);

}  // namespace assemble
