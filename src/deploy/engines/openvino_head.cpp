// SPDX-License-Identifier: Apache-2.0
#include "engines/openvino_head.h"

#include <algorithm>
#include <functional>
#include <openvino/op/util/avg_pool_base.hpp>
#include <openvino/op/util/squeeze_base.hpp>
#include <openvino/opsets/opset13.hpp>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

namespace op = ov::opset13;
using Value = ov::Output<ov::Node>;

template <typename Kind>
std::shared_ptr<Kind> as(const Value& value) {
  return ov::as_type_ptr<Kind>(value.get_node_shared_ptr());
}

bool is_constant(const Value& value) {
  const ov::Node& node = *value.get_node();
  if (ov::is_type<op::Constant>(&node)) return true;
  const auto inputs = node.input_values();
  return !inputs.empty() && std::ranges::all_of(inputs, is_constant);
}

std::vector<int64_t> shape_of(const Value& value) {
  const ov::Shape& shape = value.get_shape();
  return {shape.begin(), shape.end()};
}

bool is_softmax(const Value& value) {
  return as<op::Softmax>(value) || as<ov::op::v1::Softmax>(value) || as<op::LogSoftmax>(value);
}

bool is_identity(const Value& value) { return std::string_view(value.get_node()->get_type_name()) == "Identity"; }

/// Whether an operation hands on what it gets, in another shape or type.
bool passes_on(const Value& value) {
  return as<op::Reshape>(value) || as<ov::op::util::SqueezeBase>(value) || as<op::Unsqueeze>(value) ||
         as<op::Convert>(value) || is_identity(value);
}

int64_t count_of(const Value& value) { return static_cast<int64_t>(ov::shape_size(value.get_shape())); }

/// Builds the head from the logits back to the map, then forwards.
class HeadReader {
 public:
  HeadReader(const ov::Model& model, const std::string& where) : model_(model), where_(where) {}

  OpenvinoHead read() {
    Value value = model_.get_results().at(0)->input_value(0);
    while (is_softmax(value) || as<op::Convert>(value) || is_identity(value)) value = data_of(value);
    head_.logits = value;
    while (!find_map(value)) {
      const Value data = data_of(value);
      steps_.push_back(step_of(value, data));
      value = data;
    }
    const std::vector<int64_t> shape = shape_of(head_.map);
    last_ = head_.graph.add_input({}, {shape[1], shape[2], shape[3]});
    std::ranges::for_each(steps_.rbegin(), steps_.rend(), [](const Step& step) { step(); });
    return std::move(head_);
  }

 private:
  using Step = std::function<void()>;

  [[noreturn]] void refuse(const Value& value) const {
    const ov::Node& node = *value.get_node();
    throw InputError(
        where_,
        concat("its classes cannot be looked for: '", node.get_friendly_name(), "' (", node.get_type_name(),
               ") stands where a pooled or flattened map and dense layers are expected"),
        "networks are explained that end in a mean over the last map, or flatten it, and classify that");
  }

  static std::vector<Value> non_constants(const Value& value) {
    std::vector<Value> inputs = value.get_node()->input_values();
    std::erase_if(inputs, is_constant);
    return inputs;
  }

  /// The input that is no constant. @throws InputError where there is not exactly one
  Value data_of(const Value& value) const {
    const std::vector<Value> data = non_constants(value);
    if (data.size() != 1) refuse(value);
    return data.front();
  }

  static bool is_map(const Value& value) {
    const ov::Shape& shape = value.get_shape();
    return shape.size() == 4 && shape[1] > 1;
  }

  /// Whether the value is made of the last map by a pooling or by flattening; these become the head's first steps.
  bool find_map(const Value& value) {
    const auto mean = as<op::ReduceMean>(value);
    const auto sum = as<op::ReduceSum>(value);
    const auto average = as<ov::op::util::AvgPoolBase>(value);
    if (mean || sum || average) {
      Value pooled = data_of(value);
      if (mean && !covers(*mean, pooled)) refuse(value);
      if (sum && !covers(*sum, pooled)) refuse(value);
      if (average && !(count_of(value) == shape_of(pooled).at(1) && is_plain(*average))) refuse(value);
      steps_.emplace_back([this, sums = sum != nullptr] { add(sums ? Op(ops::Sum{}) : Op(ops::Mean{})); });
      set_map(before_power(pooled), ActivationMethod::kGradCam);
      return true;
    }
    if (!as<op::Reshape>(value)) return false;
    Value flattened = data_of(value);
    const auto transpose = as<op::Transpose>(flattened);
    if (transpose) {
      const std::vector<int64_t> order = numbers<int64_t>(transpose->input_value(1));
      if (order != std::vector<int64_t>{0, 2, 3, 1}) refuse(flattened);
      flattened = transpose->input_value(0);
    }
    const std::vector<int64_t> shape = shape_of(flattened);
    if (!is_map(flattened) || (!transpose && shape[2] * shape[3] == 1)) return false;
    steps_.emplace_back([this, count = count_of(value)] { add(ops::Reshape{{count}}); });
    if (transpose) steps_.emplace_back([this] { add(ops::Transpose{{0, 2, 3, 1}}); });
    set_map(flattened, ActivationMethod::kHiResCam);
    return true;
  }

  /// Whether a reduction is over height and width of a map.
  template <typename Reduction>
  static bool covers(const Reduction& reduction, const Value& map) {
    return is_map(map) && reduction.reduction_axes_constant() && reduction.get_reduction_axes() == ov::AxisSet{2, 3};
  }

  static bool is_plain(const ov::op::util::AvgPoolBase& pool) {
    const auto none = [](const ov::Shape& pads) {
      return std::ranges::all_of(pads, [](size_t pad) { return pad == 0; });
    };
    return none(pool.get_pads_begin()) && none(pool.get_pads_end());
  }

  /// Generalised mean pooling clips the map and takes its power, which may be rounded to 8 bits.
  Value before_power(const Value& pooled) {
    std::vector<Step> steps;
    Value value = pooled;
    while (!as<op::Power>(value)) {
      const bool rounds =
          as<op::FakeQuantize>(value) || as<op::Convert>(value) || as<op::Multiply>(value) || as<op::Subtract>(value);
      if (!rounds || non_constants(value).size() != 1) return pooled;
      steps.push_back(step_of(value, data_of(value)));
      value = data_of(value);
    }
    std::ranges::move(steps, std::back_inserter(steps_));
    steps_.push_back(step_of(value, data_of(value)));
    Value clipped = data_of(value);
    if (!as<op::Clamp>(clipped)) return clipped;
    steps_.push_back(step_of(clipped, data_of(clipped)));
    return data_of(clipped);
  }

  void set_map(const Value& map, ActivationMethod method) {
    if (!is_map(map)) refuse(map);
    head_.map = map;
    head_.method = method;
  }

  template <typename Number>
  std::vector<Number> numbers(const Value& value) const {
    if (const auto constant = as<op::Constant>(value)) return constant->cast_vector<Number>();
    const auto converted = std::make_shared<op::Convert>(value, ov::element::from<Number>());
    const ov::Model folded(ov::ResultVector{std::make_shared<op::Result>(converted)}, ov::ParameterVector{});
    ov::TensorVector outputs{ov::Tensor(ov::element::from<Number>(), value.get_shape())};
    if (!folded.evaluate(outputs, {})) refuse(value);
    const Number* first = outputs[0].data<Number>();
    return {first, first + outputs[0].get_size()};
  }

  Value constant_of(const Value& value) const {
    const auto inputs = value.get_node()->input_values();
    const auto found = std::ranges::find_if(inputs, is_constant);
    if (found == inputs.end()) refuse(value);
    return *found;
  }

  void add(Op operation) { last_ = head_.graph.add(std::move(operation), {last_}); }
  void as_vector(int64_t count) {
    if (head_.graph.node(last_).shape != std::vector<int64_t>{count, 1, 1}) add(ops::Reshape{{count, 1, 1}});
  }

  /// What an operation behind the map adds to the head.
  Step step_of(const Value& value, const Value& data) {
    if (passes_on(value)) return [] {};
    if (as<op::Relu>(value)) {
      return [this] { add(ops::Relu{}); };
    }
    if (const auto clamp = as<op::Clamp>(value)) {
      return [this, clamp] { add(ops::Clamp{clamp->get_min(), clamp->get_max()}); };
    }
    if (as<op::Power>(value) && is_constant(value.get_node()->input_value(1)) && count_of(constant_of(value)) == 1) {
      return [this, exponent = numbers<float>(constant_of(value)).at(0)] { add(ops::Power{exponent}); };
    }
    if (as<op::MatMul>(value) || as<op::Convolution>(value)) return dense_step(value, data);
    return affine_step(value, data);
  }

  Step dense_step(const Value& value, const Value& data) {
    const Value weight = value.get_node()->input_value(1);
    const int64_t in = count_of(data), out = count_of(value);
    if (!is_constant(weight) || count_of(weight) != in * out) refuse(value);
    std::vector<float> values = numbers<float>(weight);
    const auto product = as<op::MatMul>(value);
    if (product && product->get_transpose_a()) refuse(value);
    if (product && !product->get_transpose_b()) values = transposed(values, in, out);
    return [this, in, filters = Array({out, in, 1, 1}, std::move(values))] {
      as_vector(in);
      add(ops::Convolution{.weight = filters, .bias = {}, .padding = {}});
    };
  }

  static std::vector<float> transposed(const std::vector<float>& values, int64_t rows, int64_t columns) {
    std::vector<float> result;
    result.reserve(values.size());
    for (int64_t column = 0; column < columns; ++column) {
      for (int64_t row = 0; row < rows; ++row) result.push_back(values[static_cast<size_t>(row * columns + column)]);
    }
    return result;
  }

  /// scale · x + shift, a value a channel or one for all.
  Step affine_step(const Value& value, const Value& data) {
    const int64_t count = count_of(data);
    if (count_of(value) != count) refuse(value);
    const auto spread = [&](std::vector<float> values) {
      if (values.size() == 1) values.assign(static_cast<size_t>(count), values[0]);
      if (static_cast<int64_t>(values.size()) != count) refuse(value);
      return values;
    };
    std::vector<float> scale(static_cast<size_t>(count), 1), shift(static_cast<size_t>(count), 0);
    const bool second_is_constant =
        value.get_node()->get_input_size() == 2 && is_constant(value.get_node()->input_value(1));
    if (as<op::Add>(value)) {
      shift = spread(numbers<float>(constant_of(value)));
    } else if (as<op::Multiply>(value)) {
      scale = spread(numbers<float>(constant_of(value)));
    } else if (as<op::Subtract>(value) && second_is_constant) {
      shift = spread(numbers<float>(constant_of(value)));
      for (float& x : shift) x = -x;
    } else if (as<op::Divide>(value) && second_is_constant) {
      scale = spread(numbers<float>(constant_of(value)));
      for (float& x : scale) x = 1 / x;
    } else if (as<op::FakeQuantize>(value)) {
      return rounding_step(value, count);
    } else {
      refuse(value);
    }
    return [this, count, scale, shift] { add_affine(count, scale, shift); };
  }

  void add_affine(int64_t count, const std::vector<float>& scale, const std::vector<float>& shift) {
    const auto is_first = [&](float value) { return value == scale.front(); };
    const bool is_scalar =
        std::ranges::all_of(scale, is_first) && std::ranges::all_of(shift, [](float value) { return value == 0; });
    if (is_scalar) return add(ops::Scale{scale.front()});
    as_vector(count);
    const std::vector<float> ones(static_cast<size_t>(count), 1), zeros(static_cast<size_t>(count), 0);
    add(ops::BatchNorm{Array({count}, scale), Array({count}, shift), Array({count}, zeros), Array({count}, ones),
                       /*epsilon=*/0});
  }

  /// To 8 bits, without the steps: as if there were infinitely many between the ends.
  Step rounding_step(const Value& value, int64_t count) {
    std::array<float, 4> ends{};
    for (size_t i = 0; i < ends.size(); ++i) {
      const std::vector<float> end = numbers<float>(value.get_node()->input_value(i + 1));
      if (end.size() != 1) refuse(value);
      ends[i] = end[0];
    }
    const float low = ends[0], high = ends[1], to_low = ends[2], to_high = ends[3];
    const float factor = (to_high - to_low) / (high - low);
    return [this, count, low, high, factor, shift = to_low - low * factor] {
      add(ops::Clamp{low, high});
      const auto size = static_cast<size_t>(count);
      add_affine(count, std::vector<float>(size, factor), std::vector<float>(size, shift));
    };
  }

  const ov::Model& model_;
  const std::string& where_;
  OpenvinoHead head_;
  std::vector<Step> steps_;  ///< from the logits to the map
  NodeId last_ = 0;
};

}  // namespace

OpenvinoHead read_head(const ov::Model& model, const std::string& where) {
  try {
    return HeadReader(model, where).read();
  } catch (const ov::Exception& error) {  // sizes that stay open
    throw InputError(where, concat("its classes cannot be looked for: ", error.what()), "export it for a fixed size");
  }
}

}  // namespace assemble
