// SPDX-License-Identifier: Apache-2.0
// The slow, obvious way to compute a graph, in double precision: what rewrites and engines are held against.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "assemble/core/overloaded.h"
#include "assemble/deploy/graph.h"
#include "assemble/deploy/quantised_weights.h"

namespace assemble::test {

/// What a node gives for one image, row-major.
struct Value {
  std::vector<int64_t> shape;
  std::vector<double> values;

  int64_t height() const { return shape.at(1); }
  int64_t width() const { return shape.at(2); }
  bool inside(int64_t y, int64_t x) const { return y >= 0 && x >= 0 && y < height() && x < width(); }
  double at(int64_t c, int64_t y, int64_t x) const {
    return values.at(static_cast<size_t>((c * height() + y) * width() + x));
  }
};

namespace reference {

using Inputs = std::vector<const Value*>;

template <typename At>
Value map_of(const std::vector<int64_t>& shape, const At& at) {
  Value out{shape, {}};
  for (int64_t c = 0; c < shape.at(0); ++c) {
    for (int64_t y = 0; y < shape.at(1); ++y) {
      for (int64_t x = 0; x < shape.at(2); ++x) out.values.push_back(at(c, y, x));
    }
  }
  return out;
}

template <typename Function>
Value each(const Value& in, const Function& function) {
  Value out = in;
  for (double& value : out.values) value = function(value);
  return out;
}

/// The second may hold one value a channel.
template <typename Function>
Value both(const Value& a, const Value& b, const Function& function) {
  Value out = a;
  for (size_t i = 0; i < a.values.size(); ++i) {
    out.values[i] = function(a.values[i], b.values[i * b.values.size() / a.values.size()]);
  }
  return out;
}

inline double relu_if(bool relu, double value) { return relu ? std::max(value, 0.0) : value; }

inline Value convolve(const ops::Convolution& conv, const Value& in, const std::vector<int64_t>& shape) {
  const Array weight =
      conv.quantised ? quantise_convolution(conv).weights.dequantised(conv.weight.shape()) : conv.weight;
  const int64_t per_group = weight.size(1), height = weight.size(2), width = weight.size(3),
                filters = weight.size(0) / conv.groups;
  return map_of(shape, [&](int64_t out, int64_t y, int64_t x) {
    double sum = conv.bias.defined() ? static_cast<double>(conv.bias.values()[static_cast<size_t>(out)]) : 0;
    const auto taps = weight.row(out);
    size_t tap = 0;
    for (int64_t c = out / filters * per_group; c < (out / filters + 1) * per_group; ++c) {
      for (int64_t dy = 0; dy < height; ++dy) {
        for (int64_t dx = 0; dx < width; ++dx, ++tap) {
          const int64_t from_y = y * conv.stride + dy - conv.padding.top;
          const int64_t from_x = x * conv.stride + dx - conv.padding.left;
          if (in.inside(from_y, from_x)) sum += taps[tap] * in.at(c, from_y, from_x);
        }
      }
    }
    return relu_if(conv.relu, sum);
  });
}

inline Value normalise(const ops::BatchNorm& norm, const Value& in) {
  return map_of(in.shape, [&](int64_t c, int64_t y, int64_t x) {
    const auto of = [c](const Array& values) { return static_cast<double>(values.values()[static_cast<size_t>(c)]); };
    const double deviation = std::sqrt(of(norm.variance) + norm.epsilon);
    return of(norm.weight) * (in.at(c, y, x) - of(norm.mean)) / deviation + of(norm.bias);
  });
}

/// @param visit gets every pixel of a window that exists
template <typename Pool, typename Visit>
void for_window(const Pool& pool, const Value& in, int64_t y, int64_t x, const Visit& visit) {
  for (int64_t dy = 0; dy < pool.kernel; ++dy) {
    for (int64_t dx = 0; dx < pool.kernel; ++dx) {
      const int64_t from_y = y * pool.stride + dy - pool.padding.top;
      const int64_t from_x = x * pool.stride + dx - pool.padding.left;
      if (in.inside(from_y, from_x)) visit(from_y, from_x);
    }
  }
}

inline Value pool(const ops::MaxPool& pool, const Value& in, const std::vector<int64_t>& shape) {
  return map_of(shape, [&](int64_t c, int64_t y, int64_t x) {
    double largest = -std::numeric_limits<double>::infinity();
    for_window(pool, in, y, x, [&](int64_t v, int64_t u) { largest = std::max(largest, in.at(c, v, u)); });
    return largest;
  });
}

inline Value pool(const ops::AveragePool& pool, const Value& in, const std::vector<int64_t>& shape) {
  return map_of(shape, [&](int64_t c, int64_t y, int64_t x) {
    double sum = 0, count = 0;
    for_window(pool, in, y, x, [&](int64_t v, int64_t u) { sum += in.at(c, v, u), ++count; });
    return sum / (pool.count_padding ? static_cast<double>(pool.kernel * pool.kernel) : count);
  });
}

/// The place within 0 … size - 1 that stands for one outside.
inline int64_t padded_from(ops::PadMode mode, int64_t place, int64_t size) {
  if (mode == ops::PadMode::kEdge) return std::clamp<int64_t>(place, 0, size - 1);
  return place < 0 ? -place : place >= size ? 2 * (size - 1) - place : place;
}

inline Value total(const Value& in, bool mean) {
  const auto pixels = static_cast<size_t>(in.height() * in.width());
  Value out{{in.shape[0], 1, 1}, {}};
  for (size_t begin = 0; begin < in.values.size(); begin += pixels) {
    const auto first = in.values.begin() + static_cast<std::ptrdiff_t>(begin);
    const double sum = std::accumulate(first, first + static_cast<std::ptrdiff_t>(pixels), 0.0);
    out.values.push_back(mean ? sum / static_cast<double>(pixels) : sum);
  }
  return out;
}

inline Value slice(const ops::Slice& slice, const Value& in, const std::vector<int64_t>& shape) {
  const auto dimension = static_cast<size_t>(slice.dimension - 1);
  const auto product = [](auto first, auto last) {
    return std::accumulate(first, last, int64_t{1}, std::multiplies<>());
  };
  const auto place = in.shape.begin() + static_cast<std::ptrdiff_t>(dimension);
  const int64_t outer = product(in.shape.begin(), place), size = *place, inner = product(place + 1, in.shape.end());
  Value out{shape, {}};
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = slice.begin; i < std::min(slice.end, size); i += slice.step) {
      for (int64_t k = 0; k < inner; ++k) {
        out.values.push_back(in.values.at(static_cast<size_t>((o * size + i) * inner + k)));
      }
    }
  }
  return out;
}

inline Value transpose(const ops::Transpose& transpose, const Value& in, const std::vector<int64_t>& shape) {
  return map_of(shape, [&](int64_t a, int64_t b, int64_t c) {
    std::vector<int64_t> from(3);
    from[static_cast<size_t>(transpose.order[1] - 1)] = a;
    from[static_cast<size_t>(transpose.order[2] - 1)] = b;
    from[static_cast<size_t>(transpose.order[3] - 1)] = c;
    return in.at(from[0], from[1], from[2]);
  });
}

inline double rounded(const TensorQuantisation& to, double value) {
  const double steps = std::nearbyint(static_cast<float>(value) / to.scale);
  return std::clamp(steps, to.is_signed ? -128.0 : 0.0, to.is_signed ? 127.0 : 255.0) * static_cast<double>(to.scale);
}

inline Value compute(const Node& node, const Inputs& in) {
  const Value& first = *in.at(0);
  const auto& shape = node.shape;
  return std::visit(
      Overloaded{
          [&](const ops::Input&) { return first; },
          [&](const ops::Normalise& op) {
            return map_of(shape, [&](int64_t c, int64_t y, int64_t x) {
              const auto channel = static_cast<size_t>(c);
              return (first.at(y, x, c) - static_cast<double>(op.mean[channel])) /
                     static_cast<double>(op.deviation[channel]);
            });
          },
          [&](const ops::Convolution& op) { return convolve(op, first, shape); },
          [&](const ops::BatchNorm& op) { return normalise(op, first); },
          [&](const ops::Relu&) { return each(first, [](double x) { return std::max(x, 0.0); }); },
          [&](const ops::Sigmoid&) { return each(first, [](double x) { return 1 / (1 + std::exp(-x)); }); },
          [&](const ops::Add& op) {
            return both(first, *in.at(1), [&](double a, double b) { return relu_if(op.relu, a + b); });
          },
          [&](const ops::Subtract&) { return both(first, *in.at(1), std::minus<>()); },
          [&](const ops::Multiply&) { return both(first, *in.at(1), std::multiplies<>()); },
          [&](const ops::Mix&) {
            const Value difference = both(*in.at(1), first, std::minus<>());
            return both(first, both(difference, *in.at(2), std::multiplies<>()), std::plus<>());
          },
          [&](const ops::MaxPool& op) { return pool(op, first, shape); },
          [&](const ops::AveragePool& op) { return pool(op, first, shape); },
          [&](const ops::Pad& op) {
            return map_of(shape, [&](int64_t c, int64_t y, int64_t x) {
              const int64_t row = y - op.padding.top, column = x - op.padding.left;
              if (op.mode == ops::PadMode::kZero && !first.inside(row, column)) return 0.0;
              return first.at(c, padded_from(op.mode, y - op.padding.top, first.height()),
                              padded_from(op.mode, x - op.padding.left, first.width()));
            });
          },
          [&](const ops::Mean&) { return total(first, true); },
          [&](const ops::Sum&) { return total(first, false); },
          [&](const ops::Clamp& op) { return each(first, [&](double x) { return std::clamp(x, op.min, op.max); }); },
          [&](const ops::Power& op) { return each(first, [&](double x) { return std::pow(x, op.exponent); }); },
          [&](const ops::Scale& op) { return each(first, [&](double x) { return x * op.factor; }); },
          [&](const ops::Upsample&) {
            return map_of(shape, [&](int64_t c, int64_t y, int64_t x) { return first.at(c, y / 2, x / 2); });
          },
          [&](const ops::UpsampleAdd& op) {
            return map_of(shape, [&](int64_t c, int64_t y, int64_t x) {
              return relu_if(op.relu, first.at(c, y / 2, x / 2) + in.at(1)->at(c, y, x));
            });
          },
          [&](const ops::Slice& op) { return slice(op, first, shape); },
          [&](const ops::Transpose& op) { return transpose(op, first, shape); },
          [&](const ops::Reshape&) {
            return Value{shape, first.values};
          },
          [&](const ops::Quantise& op) { return each(first, [&](double x) { return rounded(op.quantisation, x); }); },
          [&](const ops::Embedding&) { return first; },
      },
      node.op);
}

/// One image as the graph's input says.
inline Value input_of(const Node& input, const Images& images, int64_t index) {
  const Images one = images.part(index, index + 1);
  const bool pixels = input.as<ops::Input>()->pixels;
  Value rows{{images.height, images.width, Images::kChannels}, {}};
  std::visit([&](const auto* first) { rows.values.assign(first, first + images.values_per_image()); }, one.pixels);
  if (pixels) return each(rows, [](double x) { return std::clamp(std::nearbyint(x), 0.0, 255.0); });
  return map_of(input.shape, [&](int64_t c, int64_t y, int64_t x) { return rows.at(y, x, c); });
}

}  // namespace reference

/// What every node gives for one of the images.
inline std::vector<Value> interpret_nodes(const Graph& graph, const Images& images, int64_t index) {
  const Value input = reference::input_of(graph.input(), images, index);
  std::vector<Value> values;
  values.reserve(graph.nodes().size());
  for (const Node& node : graph.nodes()) {
    reference::Inputs inputs;
    for (const NodeId id : node.inputs) inputs.push_back(&values[id]);
    if (inputs.empty()) inputs.push_back(&input);
    values.push_back(reference::compute(node, inputs));
  }
  return values;
}

/// The graph's outputs, a row an image.
inline Matrix interpret(const Graph& graph, const Images& images) {
  Matrix outputs(images.count, std::accumulate(graph.output().shape.begin(), graph.output().shape.end(), int64_t{1},
                                               std::multiplies<>()));
  for (int64_t i = 0; i < images.count; ++i) {
    const std::vector<double> values = interpret_nodes(graph, images, i).back().values;
    std::ranges::transform(values, outputs.row(i).begin(), [](double value) { return static_cast<float>(value); });
  }
  return outputs;
}

}  // namespace assemble::test
