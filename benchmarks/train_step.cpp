// SPDX-License-Identifier: Apache-2.0
// Images/s of the training step (forward, loss, backward, momentum SGD) on one fixed batch; benchmarks/train_step.py
// runs it in turns with the same step in Python PyTorch.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/models/classifier.h"
#include "assemble/nn/autocast.h"
#include "assemble/train/losses.h"
#include "assemble/train/optimizer.h"

using namespace assemble;

namespace {

double seconds_of_step(ClassifierImpl& model, MomentumSgd& optimizer, const torch::Tensor& images,
                       const torch::Tensor& labels, Precision precision) {
  const auto start = std::chrono::steady_clock::now();
  torch::Tensor logits;
  {
    const AutocastGuard autocast(torch::kCPU, precision);
    logits = model.forward(images);
  }
  classification_loss(LossType::kSoftmax, logits, labels, 0.1).backward();
  optimizer.step(1e-3);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Images/s of the training step");
  std::string arch = "resnet50";
  std::string precision = "f32";
  int64_t batch = 16, side = 224, steps = 5;
  app.add_option("--arch", arch);
  app.add_option("--precision", precision);
  app.add_option("--batch-size", batch);
  app.add_option("--image-size", side);
  app.add_option("--steps", steps);
  CLI11_PARSE(app, argc, argv);

  try {
    keep_freed_memory();
    constexpr int64_t kClasses = 1000;
    const Classifier model = make_classifier(Arch::parse(arch), {.classes = kClasses});
    model->train();
    MomentumSgd optimizer(trained_parameters(*model), {});
    const torch::Tensor images = torch::randn({batch, 3, side, side}).contiguous(torch::MemoryFormat::ChannelsLast);
    const torch::Tensor labels = one_hot_labels(torch::randint(kClasses, {batch}, torch::kLong), kClasses);
    std::vector<double> rates;
    for (int64_t step = -2; step < steps; ++step) {  // the first two warm up
      const double seconds = seconds_of_step(*model, optimizer, images, labels, parse_precision(precision));
      if (step >= 0) rates.push_back(static_cast<double>(batch) / seconds);
    }
    std::cout << nlohmann::json{{"images_per_second", rates}, {"peak_memory_mib", peak_memory_mib()}} << std::endl;
  } catch (const Error& error) {
    std::cerr << error.what() << std::endl;
    return static_cast<int>(error.code());
  }
}
