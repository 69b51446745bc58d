// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "assemble/deploy/class_activation.h"
#include "engines/engines.h"

namespace assemble {

/// The parts of an ActivationMapper, of a network that OpenVINO reads from a file.
struct OpenvinoActivation {
  Graph head;
  ActivationMethod method = ActivationMethod::kGradCam;
  std::vector<std::string> blocks;
  std::function<Activations(const Images& image)> run;
};

/// @param where an .onnx file, of this library or, as the form says, of another program
/// @throws InputError when it cannot be read, or its head cannot: see read_head(). RunError when it cannot be compiled
OpenvinoActivation open_openvino_activation(const std::string& where, const NetworkForm& form);

}  // namespace assemble
