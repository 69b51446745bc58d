// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace assemble {

/// The network's variables in an object checkpoint.
struct ObjectVariables {
  std::map<std::string, std::string> keys;  ///< in the checkpoint, by name
  std::vector<std::string> notes;           ///< what was set aside
};

/// Chooses them by the names of the object graph. The numbers in keys (layer_with_weights-N) count layers by their
/// distance from the output and say nothing. Set aside: slots of optimizers, what is outside of `model`, where there is
/// one, and keep_prob of DropBlock. The optimizer's step is called global_step.
///
/// Layers that Keras numbers within a process (sk_block, se_block) are numbered anew from none: only their order
/// counts.
/// @param names by key, see tf_object_names()
/// @throws InputError for a variable without a name, and for two of one name
ObjectVariables network_variables(const std::map<std::string, std::string>& names, const std::string& where);

}  // namespace assemble
