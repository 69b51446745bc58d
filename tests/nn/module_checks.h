// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "assemble/nn/conv_bn.h"

namespace assemble::test {

/// A tensor [1, 1, rows, columns] from its rows.
inline torch::Tensor plane(const std::vector<std::vector<float>>& rows) {
  std::vector<float> values;
  for (const auto& row : rows) values.insert(values.end(), row.begin(), row.end());
  return torch::tensor(values).view({1, 1, static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size())});
}

/// Normal numbers that depend on the shape and the seed alone.
inline torch::Tensor random_tensor(at::IntArrayRef shape, uint64_t seed = 1, torch::ScalarType type = torch::kFloat) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return torch::randn(shape, generator, torch::TensorOptions().dtype(type));
}

inline void expect_near(const torch::Tensor& actual, const torch::Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  const double difference = (actual.detach() - expected.detach()).abs().max().item<double>();
  EXPECT_LE(difference, tolerance) << "actual\n" << actual << "\nexpected\n" << expected;
}

inline std::vector<std::string> parameter_names(const torch::nn::Module& module) {
  std::vector<std::string> names;
  for (const auto& item : module.named_parameters()) names.push_back(item.key());
  return names;
}

/// Batch norms of a fresh network divide by sqrt(1 + 1e-5); with this they pass their input through.
inline void make_transparent(nn::BatchNorm& bn) { bn->running_var.fill_(1 - 1e-5); }

/// Element `index` in row-major order as a view, whatever the memory format.
inline torch::Tensor element_of(torch::Tensor tensor, int64_t index) {
  while (tensor.dim() > 0) {
    const int64_t inner = tensor.numel() / tensor.size(0);
    tensor = tensor.select(0, index / inner);
    index %= inner;
  }
  return tensor;
}

/// Largest difference between autograd's gradient of a weighted sum of function() and central differences, relative to
/// the largest gradient. Everything must be in double.
inline double gradient_error(const std::function<torch::Tensor()>& function, std::vector<torch::Tensor> variables) {
  const torch::Tensor weights = random_tensor(function().sizes(), 17, torch::kDouble);
  const auto loss = [&] { return (function() * weights).sum(); };
  for (torch::Tensor& variable : variables) variable.requires_grad_(true).mutable_grad() = torch::Tensor();
  loss().backward();

  const torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  double worst = 0, largest = 1e-3;
  for (torch::Tensor& variable : variables) {
    torch::Tensor row_major = variable.grad().contiguous();
    const int64_t stride = std::max<int64_t>(1, variable.numel() / 12);  // a dozen elements of each are enough
    for (int64_t i = 0; i < variable.numel(); i += stride) {
      torch::Tensor element = element_of(variable, i);
      const double before = element.item<double>();
      element.fill_(before + kStep);
      const double above = loss().item<double>();
      element.fill_(before - kStep);
      const double below = loss().item<double>();
      element.fill_(before);
      const double expected = (above - below) / (2 * kStep);
      worst = std::max(worst, std::abs(row_major.flatten()[i].item<double>() - expected));
      largest = std::max(largest, std::abs(expected));
    }
  }
  return worst / largest;
}

/// Gradients of a module in training mode with fresh weights, with respect to its input and all its parameters.
template <typename Module>
double module_gradient_error(Module& module, const torch::Tensor& input,
                             const std::function<torch::Tensor(const torch::Tensor&)>& forward) {
  nn::initialise_weights(*module, 3);
  module->to(torch::kDouble);
  module->train();
  std::vector<torch::Tensor> variables = module->parameters();
  variables.push_back(input);
  return gradient_error([&] { return forward(input); }, variables);
}

}  // namespace assemble::test
