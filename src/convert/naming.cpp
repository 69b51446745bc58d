// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/naming.h"

#include <set>

#include "name_maps.h"

namespace assemble {

Naming find_naming(const WeightSource& source) {
  const auto has = [&](const char* name) { return source.shapes().contains(name); };
  if (has("MobilenetV1/Conv2d_0/weights")) return Naming::kSlim;
  if (has("conv_dw_1/depthwise_kernel")) return Naming::kKeras;
  if (has("conv_stem.weight") && has("blocks.0.0.conv_dw.weight")) return Naming::kTimmMobileNet;
  if (has("fc1000/kernel")) return Naming::kTf2;
  return source.format() == WeightFormat::kTensorFlow ? Naming::kOriginal : Naming::kOwn;
}

std::vector<TfVariable> name_map(const Arch& arch, const NamedTensors& state, Naming naming) {
  std::vector<TfVariable> map;
  if (naming == Naming::kOriginal) map = tf_variables(arch);
  if (naming == Naming::kTf2) map = tf2_variables(arch);
  if (naming == Naming::kSlim) map = slim_variables(arch);
  if (naming == Naming::kKeras) map = keras_variables(arch);
  if (naming == Naming::kTimmMobileNet) map = timm_mobilenet_variables(arch);
  std::set<std::string> mapped, there;
  for (const TfVariable& variable : map) mapped.insert(variable.name);
  // What such networks do not have has no name of theirs, so that it is missed under our own.
  for (const auto& [name, tensor] : state) {
    there.insert(name);
    if (!mapped.contains(name)) map.push_back({name, name, TfLayout::kSame});
  }
  // A classifier that compares directions has no bias.
  std::erase_if(map, [&](const TfVariable& variable) { return !there.contains(variable.name); });
  return map;
}

std::string classifier_name(Naming naming) {
  switch (naming) {
    case Naming::kOriginal:
      return "resnet_model/dense/kernel";
    case Naming::kTf2:
      return "fc1000/kernel";
    case Naming::kSlim:
      return "MobilenetV1/Logits/Conv2d_1c_1x1/weights";
    case Naming::kKeras:
      return "conv_preds/kernel";
    case Naming::kTimmMobileNet:
      return "classifier.weight";
    case Naming::kOwn:
      break;
  }
  return "fc.weight";
}

}  // namespace assemble
