// SPDX-License-Identifier: Apache-2.0
// Measurements that several processes share, each on its part of the images.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>

#include "assemble/core/exchange.h"
#include "assemble/eval/measured_ensemble.h"

namespace assemble {

/// The ensemble with the loader of this process' part.
MeasuredEnsemble part_of(MeasuredEnsemble ensemble, const Exchange& ranks);

/// Shows what each process found, in the order of the ranks, to all of them.
/// @param own {size: of the whole data, …}
/// @throws InputError naming the rank when its data are not as many, or when `see` does not find what it expects
void for_each_part(Exchange& ranks, const nlohmann::ordered_json& own,
                   const std::function<void(const nlohmann::ordered_json& part)>& see);

}  // namespace assemble
