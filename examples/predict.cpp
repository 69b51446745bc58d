// SPDX-License-Identifier: Apache-2.0
// predict MODEL IMAGE...: the five most probable classes of each image. MODEL is a model file, or what deploy.cpp
// wrote. It links the runtime library alone: no LibTorch.
#include <assemble/core/error.h>
#include <assemble/eval/predict.h>

#include <iostream>

int main(int argc, char** argv) try {
  if (argc < 3) throw assemble::UsageError("predict", "needs a model and images", "usage: predict MODEL IMAGE...");
  assemble::DeployedModel model = assemble::open_engine(argv[1], {});
  const assemble::Network network = assemble::make_network(std::move(model.engine));
  const std::vector<assemble::fs::path> images(argv + 2, argv + argc);

  for (const assemble::Prediction& image : assemble::predict(network, model.card, images, {.top = 5})) {
    if (!image.error.empty()) std::cerr << image.error << '\n';
    for (const auto& [label, name, probability] : image.classes) {
      std::cout << image.image << '\t' << probability << '\t' << name << '\n';
    }
  }
} catch (const assemble::Error& error) {
  std::cerr << error.what() << '\n';
  return static_cast<int>(error.code());
}
