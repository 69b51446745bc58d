// SPDX-License-Identifier: Apache-2.0
// The commands that the program `assemble-torch` has beside those of `assemble`: what the latter shows of them.
#pragma once

namespace assemble::cli {

struct TorchCommand {
  const char* name;
  const char* summary;
};

inline constexpr TorchCommand kTorchCommands[] = {
    {"demo", "Draw a data set, climb from a vanilla to an assembled network, show what pays"},
    {"train", "Train or fine-tune a network on a data set"},
    {"ablate", "Train a ladder of configurations with several seeds, show what each rung brings"},
    {"model", "List the presets; show the size and cost of a network"},
    {"convert", "Import weights of TensorFlow, torchvision and timm into a model file, and export them"},
    {"soup", "Average the weights of models: of one run's epochs, or of several runs"},
    {"forward", "Raw tensors through a network: logits and activations, for comparisons"},
};

}  // namespace assemble::cli
