// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/models/network.h"

namespace assemble {

/// A network as a teacher, in evaluation mode. On the CPU it takes a batch in fours, each four on a thread of its own,
/// so that the logits are the same bits for any number of threads (the sums within a layer may differ in their last
/// bits when several threads share it).
/// @param threads fours at a time on the CPU; 0: every core
Network make_teacher(const Classifier& model, torch::Device device, Precision precision, int threads);

}  // namespace assemble
