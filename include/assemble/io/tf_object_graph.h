// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "assemble/io/tf_checkpoint.h"

namespace assemble {

/// What the variables of an object checkpoint (tf.train.Checkpoint, Keras' save_weights) are called, by their keys in
/// the checkpoint: "big2_res2_0_branch2a/kernel" by "model/layer_with_weights-12/kernel/.ATTRIBUTES/VARIABLE_VALUE".
/// From the TrackableObjectGraph (tensorflow/core/protobuf/trackable_object_graph.proto) in the string tensor
/// _CHECKPOINTABLE_OBJECT_GRAPH. Empty for a checkpoint without one.
/// @throws InputError when the graph is damaged
std::map<std::string, std::string> tf_object_names(const TfCheckpoint& checkpoint);

/// The name of that tensor.
inline constexpr const char* kTfObjectGraph = "_CHECKPOINTABLE_OBJECT_GRAPH";

}  // namespace assemble
