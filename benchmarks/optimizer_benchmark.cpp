// SPDX-License-Identifier: Apache-2.0
// One step of each optimizer on the weights of a ResNet-50 of half the width.
#include <benchmark/benchmark.h>

#include "assemble/models/classifier.h"
#include "assemble/train/lamb.h"

namespace assemble {
namespace {

template <typename Make>
void step(benchmark::State& state, Make make) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w32"), {.classes = 1000}, 1);
  const std::vector<TrainedParameter> parameters = trained_parameters(*model);
  const auto optimizer = make(parameters);
  for (auto _ : state) {
    state.PauseTiming();
    for (TrainedParameter parameter : parameters) {
      parameter.tensor.mutable_grad() = torch::full_like(parameter.tensor, 1e-4);
    }
    state.ResumeTiming();
    optimizer->step(1e-3);
  }
}

void optimizer_sgd(benchmark::State& state) {
  step(state, [](const auto& parameters) { return std::make_unique<MomentumSgd>(parameters, MomentumSgdOptions{}); });
}
void optimizer_adamw(benchmark::State& state) {
  step(state, [](const auto& parameters) { return std::make_unique<AdamW>(parameters, 0.01, AdamOptions{}); });
}
void optimizer_lamb(benchmark::State& state) {
  step(state, [](const auto& parameters) { return std::make_unique<Lamb>(parameters, 0.01, AdamOptions{}); });
}

BENCHMARK(optimizer_sgd)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(optimizer_adamw)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(optimizer_lamb)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace assemble
