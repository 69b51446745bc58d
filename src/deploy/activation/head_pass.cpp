// SPDX-License-Identifier: Apache-2.0
#include "activation/head_pass.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/overloaded.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

using Values = std::vector<double>;
using Shape = std::vector<int64_t>;

size_t places_of(const Shape& shape) { return static_cast<size_t>(shape.at(1) * shape.at(2)); }

/// For each value of the transposed tensor, where it stands before. The first dimension of `order` is N.
std::vector<size_t> places_before(const Shape& shape, const std::vector<int64_t>& order) {
  std::vector<size_t> strides(shape.size(), 1);
  for (size_t i = shape.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * static_cast<size_t>(shape[i + 1]);
  std::vector<size_t> places{0};
  for (size_t i = 1; i < order.size(); ++i) {
    const auto dimension = static_cast<size_t>(order[i] - 1);
    std::vector<size_t> finer;
    for (const size_t place : places) {
      for (int64_t step = 0; step < shape[dimension]; ++step) {
        finer.push_back(place + strides[dimension] * static_cast<size_t>(step));
      }
    }
    places = std::move(finer);
  }
  return places;
}

/// What an operation makes of its inputs.
struct Forward {
  const Graph& head;
  const Node& node;
  const std::vector<Values>& values;

  const Values& in(size_t index = 0) const { return values[node.inputs[index]]; }
  const Shape& shape() const { return head.node(node.inputs[0]).shape; }

  template <typename Function>
  Values each(const Function& function) const {
    Values out = in();
    std::ranges::transform(out, out.begin(), function);
    return out;
  }
  Values sums() const {
    const size_t places = places_of(shape());
    Values out(in().size() / places);
    for (size_t i = 0; i < in().size(); ++i) out[i / places] += in()[i];
    return out;
  }

  Values operator()(const ops::Mean&) const {
    Values out = sums();
    for (double& value : out) value /= static_cast<double>(places_of(shape()));
    return out;
  }
  Values operator()(const ops::Sum&) const { return sums(); }
  Values operator()(const ops::Relu&) const {
    return each([](double x) { return std::max(x, 0.0); });
  }
  Values operator()(const ops::Scale& scale) const {
    return each([&](double x) { return x * scale.factor; });
  }
  Values operator()(const ops::Clamp& clamp) const {
    return each([&](double x) { return std::clamp(x, clamp.min, clamp.max); });
  }
  Values operator()(const ops::Power& power) const {
    return each([&](double x) { return std::pow(x, power.exponent); });
  }
  Values operator()(const ops::Reshape&) const { return in(); }
  Values operator()(const ops::Embedding&) const { return in(); }
  Values operator()(const ops::Transpose& transpose) const {
    Values out;
    for (const size_t place : places_before(shape(), transpose.order)) out.push_back(in()[place]);
    return out;
  }
  Values operator()(const ops::BatchNorm& norm) const {
    const std::vector<float> scale = norm.scale(), shift = norm.shift();
    const size_t places = places_of(shape());
    Values out = in();
    for (size_t i = 0; i < out.size(); ++i) out[i] = out[i] * scale[i / places] + shift[i / places];
    return out;
  }
  Values operator()(const ops::Convolution& dense) const {
    Values out;
    for (int64_t o = 0; o < dense.weight.size(0); ++o) {
      double sum = dense.bias.defined() ? dense.bias.values()[static_cast<size_t>(o)] : 0;
      const std::span<const float> weights = dense.weight.row(o);
      for (size_t c = 0; c < weights.size(); ++c) sum += weights[c] * in()[c];
      out.push_back(sum);
    }
    return out;
  }
  Values operator()(const ops::Multiply&) const {
    Values out = in();
    const size_t repeats = out.size() / in(1).size();
    for (size_t i = 0; i < out.size(); ++i) out[i] *= in(1)[i / repeats];
    return out;
  }
};

/// Adds what the inputs of an operation are to blame for, given what its output is.
struct Backward {
  const Graph& head;
  const Node& node;
  const std::vector<Values>& values;
  const Values& of_output;
  std::vector<Values>& gradients;

  const Values& in(size_t index = 0) const { return values[node.inputs[index]]; }
  Values& of_input(size_t index = 0) const { return gradients[node.inputs[index]]; }
  const Shape& shape() const { return head.node(node.inputs[0]).shape; }

  /// @param slope of the output by its input
  template <typename Function>
  void each(const Function& slope) const {
    for (size_t i = 0; i < in().size(); ++i) of_input()[i] += of_output[i] * slope(in()[i]);
  }
  void spread(double share) const {
    const size_t places = places_of(shape());
    for (size_t i = 0; i < in().size(); ++i) of_input()[i] += of_output[i / places] * share;
  }

  void operator()(const ops::Mean&) const { spread(1 / static_cast<double>(places_of(shape()))); }
  void operator()(const ops::Sum&) const { spread(1); }
  void operator()(const ops::Relu&) const {
    each([](double x) { return x > 0 ? 1 : 0; });
  }
  void operator()(const ops::Scale& scale) const {
    each([&](double) { return scale.factor; });
  }
  void operator()(const ops::Clamp& clamp) const {
    each([&](double x) { return x >= clamp.min && x <= clamp.max ? 1 : 0; });
  }
  void operator()(const ops::Power& power) const {
    // Where a root's slope has no end, there is nothing that could speak for a class.
    each([&](double x) { return x == 0 && power.exponent < 1 ? 0 : power.exponent * std::pow(x, power.exponent - 1); });
  }
  void operator()(const ops::Reshape&) const {
    each([](double) { return 1; });
  }
  void operator()(const ops::Embedding&) const {
    each([](double) { return 1; });
  }
  void operator()(const ops::Transpose& transpose) const {
    const std::vector<size_t> places = places_before(shape(), transpose.order);
    for (size_t i = 0; i < places.size(); ++i) of_input()[places[i]] += of_output[i];
  }
  void operator()(const ops::BatchNorm& norm) const {
    const std::vector<float> scale = norm.scale();
    const size_t places = places_of(shape());
    for (size_t i = 0; i < in().size(); ++i) of_input()[i] += of_output[i] * scale[i / places];
  }
  void operator()(const ops::Convolution& dense) const {
    for (int64_t o = 0; o < dense.weight.size(0); ++o) {
      const double blame = of_output[static_cast<size_t>(o)];
      if (blame == 0) continue;  // of all the classes but one
      const std::span<const float> weights = dense.weight.row(o);
      for (size_t c = 0; c < weights.size(); ++c) of_input()[c] += blame * weights[c];
    }
  }
  void operator()(const ops::Multiply&) const {
    const size_t repeats = in().size() / in(1).size();
    for (size_t i = 0; i < in().size(); ++i) {
      of_input(0)[i] += of_output[i] * in(1)[i / repeats];
      of_input(1)[i / repeats] += of_output[i] * in(0)[i];
    }
  }
};

bool is_known(const Graph& head, const Node& node) {
  return std::visit(Overloaded{[&](const ops::Convolution& conv) { return is_dense(conv, head.node(node.inputs[0])); },
                               [](const ops::Input&) { return true; },
                               [](const auto& op) {
                                 return requires(const Forward& forward) { forward(op); };
                               }},
                    node.op);
}

/// Calls what knows the operation. Others were refused before.
template <typename Pass>
auto run_through(const Pass& pass, const Op& op) {
  using Result = decltype(pass(ops::Relu{}));
  return std::visit(
      [&](const auto& known) -> Result {
        if constexpr (requires { pass(known); }) return pass(known);
        throw UsageError("head", concat("has an operation ", op_name(op)));
      },
      op);
}

}  // namespace

bool is_dense(const ops::Convolution& conv, const Node& input) {
  return input.shape.size() == 3 && input.shape[1] == 1 && input.shape[2] == 1 && conv.groups == 1 &&
         conv.weight.size(2) == 1 && conv.weight.size(3) == 1 && !conv.padding.any() && !conv.relu;
}

void require_differentiable(const Graph& head, const std::string& where) {
  for (const Node& node : head.nodes()) {
    if (is_known(head, node)) continue;
    throw InputError(where, concat("its classes cannot be looked for: '", node.name, "' (", op_name(node.op),
                                   ") follows its last feature map, where pooling and dense layers are expected"));
  }
}

HeadPass::HeadPass(const Graph& head, std::span<const float> map) : head_(head) {
  values_.emplace_back(map.begin(), map.end());
  for (NodeId id = 1; id < head.nodes().size(); ++id) {
    values_.push_back(run_through(Forward{head, head.node(id), values_}, head.node(id).op));
  }
}

std::vector<double> HeadPass::gradient(int64_t output) const {
  std::vector<Values> gradients;
  for (const Values& values : values_) gradients.emplace_back(values.size());
  gradients.back().at(static_cast<size_t>(output)) = 1;
  for (NodeId id = head_.nodes().size() - 1; id > 0; --id) {
    run_through(Backward{head_, head_.node(id), values_, gradients[id], gradients}, head_.node(id).op);
  }
  return std::move(gradients.front());
}

}  // namespace assemble
