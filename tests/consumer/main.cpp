// SPDX-License-Identifier: Apache-2.0
// Prints how many parameters a network has, and runs a small one once: headers, library and LibTorch fit together.
#include <iostream>

#include "assemble/core/error.h"
#include "assemble/models/classifier.h"

int main(int argc, char** argv) {
  try {
    const assemble::Arch arch = assemble::Arch::parse(argc > 1 ? argv[1] : "resnet50");
    std::cout << arch.str() << ": " << assemble::measure_cost(arch, 1001, 224).parameters << " parameters\n";

    assemble::ClassifierOptions options;
    options.classes = 3;
    auto network = assemble::make_classifier(assemble::Arch::parse("resnet50+w4"), options);
    network->eval();
    const torch::NoGradGuard no_grad;
    const torch::Tensor logits = network->forward(torch::rand({2, 3, 32, 32}));
    return logits.size(0) == 2 && logits.size(1) == 3 ? 0 : 1;
  } catch (const assemble::Error& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
