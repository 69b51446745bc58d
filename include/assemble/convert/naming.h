// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/convert/tf_names.h"
#include "assemble/convert/weight_source.h"
#include "assemble/models/tensor_file.h"

namespace assemble {

/// Whose names the tensors of a file have.
enum class Naming {
  kOriginal,       ///< the original's, TensorFlow 1: see tf_variables()
  kTf2,            ///< the original's tf2.1 branch
  kSlim,           ///< TensorFlow-Slim's mobilenet_v1
  kKeras,          ///< Keras' MobileNet
  kTimmMobileNet,  ///< timm's mobilenetv1_100 and the like
  kOwn,            ///< this library's, which for ResNets are torchvision's and timm's
};

/// Told from the names; what is unknown is the original's in a checkpoint of TensorFlow, else this library's.
Naming find_naming(const WeightSource& source);

/// A network's parameters and buffers, and where they stand in files of these names.
/// @param state of the network, as ClassifierImpl::named_state() has it
/// @throws UsageError for a network that does not occur under these names
std::vector<TfVariable> name_map(const Arch& arch, const NamedTensors& state, Naming naming);

/// The weights of the final layer.
std::string classifier_name(Naming naming);

}  // namespace assemble
