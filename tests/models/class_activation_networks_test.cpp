// SPDX-License-Identifier: Apache-2.0
// Class activations of every kind of network against LibTorch's automatic differentiation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "assemble/core/text.h"
#include "assemble/deploy/class_activation.h"
#include "assemble/models/model_file.h"
#include "assemble/nn/selective_kernel.h"
#include "assemble/trace/arrays.h"
#include "assemble/trace/interpreter.h"
#include "engines.h"
#include "lively_network.h"
#include "test_support.h"

namespace assemble {
namespace {

constexpr int64_t kClasses = 7;

/// The activations before the pooling, of which the logits were computed.
torch::Tensor last_map(const Endpoints& endpoints) {
  for (size_t i = 1; i < endpoints.size(); ++i) {
    if (endpoints[i].first.ends_with("final_reduce_mean")) return endpoints[i - 1].second;
  }
  ADD_FAILURE() << "no endpoint is the pooling's";
  return {};
}

/// What speaks for a class, by differentiating its logit.
torch::Tensor differentiated(const torch::Tensor& logits, const torch::Tensor& map, int64_t label,
                             ActivationMethod method) {
  torch::Tensor gradient = torch::autograd::grad({logits[0][label]}, {map}, {}, /*retain_graph=*/true)[0];
  if (method == ActivationMethod::kGradCam) gradient = gradient.mean({2, 3}, /*keepdim=*/true);
  return (gradient * map).sum(1).relu()[0].detach();
}

void expect_maps_of_differentiation(const Classifier& model, const std::string& arch, int64_t size) {
  ActivationMapper mapper(trace(*model, size), arch);
  const bool flat = model->arch().pool == PoolType::kFlatten;
  EXPECT_EQ(mapper.method(), flat ? ActivationMethod::kHiResCam : ActivationMethod::kGradCam);
  const torch::Tensor images = torch::randn({1, 3, size, size});
  Endpoints endpoints;
  const torch::Tensor logits = model->forward(images, endpoints);
  const torch::Tensor map = last_map(endpoints);
  torch::Tensor kept;
  const Activations seen = mapper.run(to_images(images, kept));
  double difference = 0, largest = 0, off = 0;
  for (int64_t label = 0; label < kClasses; ++label) {
    off = std::max(off, std::abs(seen.logits[static_cast<size_t>(label)] - logits[0][label].item<double>()));
    const torch::Tensor expected = differentiated(logits, map, label, mapper.method()).contiguous();
    const ClassActivation activation = mapper.of_class(seen, label);
    ASSERT_EQ((std::vector{activation.height, activation.width}), expected.sizes().vec());
    const torch::Tensor found = torch::from_blob(const_cast<float*>(activation.values.data()), expected.sizes());
    difference = std::max(difference, (found - expected).abs().max().item<double>());
    largest = std::max(largest, expected.max().item<double>());
  }
  std::cout << arch << ": maps differ by " << difference / largest << " of the largest value, logits by " << off
            << "\n";
  EXPECT_GT(largest, 0);
  EXPECT_LT(difference, 1e-4 * largest);
  EXPECT_LT(off, 1e-3);
}

class ExplainedNetworks : public testing::TestWithParam<NetworkCase> {
 protected:
  void SetUp() override { ASSEMBLE_NEEDS_OPENVINO(); }
};

TEST_P(ExplainedNetworks, AgreeWithAutomaticDifferentiation) {
  const auto& [arch, size] = GetParam();
  expect_maps_of_differentiation(lively_network(arch, kClasses, size), arch, size);
}

INSTANTIATE_TEST_SUITE_P(Arches, ExplainedNetworks, testing::ValuesIn(every_kind_of_network()));

TEST(ExplainedCosineNetworks, AgreeWithAutomaticDifferentiation) {
  ASSEMBLE_NEEDS_OPENVINO();
  for (const char* arch : {"resnet50+w8", "mobilenet_v1+gem+w8"}) {
    expect_maps_of_differentiation(lively_network(arch, kClasses, 64, /*cosine_scale=*/20), concat(arch, ", cosine"),
                                   64);
  }
}

class ExplainedSelectiveKernels : public testing::TestWithParam<NetworkCase> {
 protected:
  void SetUp() override { ASSEMBLE_NEEDS_OPENVINO(); }
};

TEST_P(ExplainedSelectiveKernels, WeighTheirHalvesAsTheNetworkDoes) {
  const auto& [arch, size] = GetParam();
  const Classifier model = lively_network(arch, kClasses, size);
  const Graph graph = trace(*model, size);
  const torch::Tensor images = torch::randn({1, 3, size, size});
  std::vector<double> expected;
  interpret(graph, images, [&](const Graph& of, NodeId node, const std::vector<torch::Tensor>& inputs, const auto&) {
    if (of.node(node).as<ops::Mix>()) expected.push_back(inputs.at(2).mean().template item<double>());
  });
  std::vector<std::string> modules;
  for (const auto& item : model->named_modules()) {
    if (item.value()->as<nn::SelectiveKernelImpl>()) modules.push_back(item.key());
  }
  ActivationMapper mapper(graph, arch);
  torch::Tensor kept;
  const Activations seen = mapper.run(to_images(images, kept));
  EXPECT_THAT(mapper.blocks(), testing::ElementsAreArray(modules));
  ASSERT_EQ(seen.first_halves.size(), expected.size());
  double difference = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    difference = std::max(difference, std::abs(seen.first_halves[i] - expected[i]));
  }
  std::cout << arch << ": " << expected.size() << " kernels, whose weights differ by " << difference << "\n";
  EXPECT_LT(difference, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Arches, ExplainedSelectiveKernels,
                         testing::Values(NetworkCase{"resnet50+sk+w8", 64}, NetworkCase{"resnet50+bl+sk+aa3+w8", 64},
                                         NetworkCase{"resnet50+d+bl+sk+aa3+w8+tf2", 64}));

}  // namespace
}  // namespace assemble
