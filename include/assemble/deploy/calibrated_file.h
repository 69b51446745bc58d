// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/core/file.h"

namespace assemble {

/// What a card's training says of it.
inline constexpr const char* kTemperature = "temperature";

/// Whether write_calibrated() takes a file.
/// @throws InputError when it is no model file, UsageError for a network with a cosine softmax, whose scale does the
/// same
void require_calibratable(const fs::path& model);

/// Writes a copy of a model file whose logits are divided by a temperature: weight and bias of its classifier are, so
/// that every engine and every export has it. The card's training notes it as "temperature", with those of before
/// multiplied.
/// @throws as require_calibratable(); UsageError for a temperature that is not above 0; RunError when it cannot be
/// written
void write_calibrated(const fs::path& model, const fs::path& out, double temperature);

}  // namespace assemble
