// SPDX-License-Identifier: Apache-2.0
// Answers that mean nothing, as a network gives them whose images are not made as it needs them.
#pragma once

#include <string>

#include "assemble/eval/network.h"

namespace assemble {

/// What is wrong with a network's answers to a handful of images, for people: they are the same for all images, or
/// leave all classes about as likely. Then the images are not made as the network needs them, or it has learned
/// nothing.
/// @param logits of at least 4 images; of fewer nothing is said
/// @return empty when there is nothing
std::string flat_answers(const Matrix& logits);

/// The network, with a warning once where flat_answers() finds something in what it says of the first images.
/// @param name what the warning calls it
Network watched(Network network, const std::string& name);

}  // namespace assemble
