// SPDX-License-Identifier: Apache-2.0
#include "assemble/trace/trace.h"

#include <torch/library.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "assemble/core/error.h"
#include "assemble/nn/eval_mode.h"
#include "assemble/trace/arrays.h"

// LibTorch's dispatcher hands every operation of the running network to record(), which notes it and passes it on: no
// TorchScript, no second description of the networks.
namespace assemble {
namespace {

using torch::Tensor;
using Arguments = std::vector<c10::IValue>;
using torch::jit::Stack;

constexpr c10::DispatchKey kRecording = c10::DispatchKey::TESTING_ONLY_GenericMode;

class Recorder {
 public:
  Recorder(torch::nn::Module& module, int64_t image_size) {
    for (const auto& item : module.named_parameters()) tensor_names_[item.value().unsafeGetTensorImpl()] = item.key();
    for (const auto& item : module.named_buffers()) tensor_names_[item.value().unsafeGetTensorImpl()] = item.key();
    images_ = torch::empty({0, 3, image_size, image_size}, module.parameters().at(0).options());
    remember(images_, graph_.add_input({}, {3, image_size, image_size}));
  }

  const Tensor& images() const { return images_; }

  void record(const std::string& name, const Arguments& arguments, const Stack& results) {
    if (!reads_recorded(arguments)) return note_weight(name, arguments, results);
    const auto handler = handlers().find(name);
    if (handler == handlers().end()) {
      throw UsageError(concat("operation ", name), "is not known to inference graphs",
                       "write the network with the operations that src/trace/trace.cpp lists, or add it there");
    }
    (this->*handler->second)(arguments, results);
  }

  TracedNetwork traced(const Tensor& logits) {
    TORCH_CHECK(number(logits) + 1 == graph_.nodes().size(), "the logits are computed last");
    return {std::move(graph_), std::move(weight_names_)};
  }

 private:
  using Handler = void (Recorder::*)(const Arguments&, const Stack&);
  static const std::map<std::string, Handler>& handlers();

  void remember(const Tensor& tensor, NodeId id) {
    numbers_[tensor.unsafeGetTensorImpl()] = id;
    alive_.push_back(tensor);  // so that no other tensor gets its address
  }
  NodeId number(const Tensor& tensor) const { return numbers_.at(tensor.unsafeGetTensorImpl()); }
  NodeId number(const c10::IValue& value) const { return number(value.toTensor()); }

  bool reads_recorded(const Arguments& arguments) const {
    return std::any_of(arguments.begin(), arguments.end(), [this](const auto& value) {
      return value.isTensor() && numbers_.count(value.toTensor().unsafeGetTensorImpl());
    });
  }

  /// Of what a network makes of its parameters, graphs know rows at length one.
  void note_weight(const std::string& name, const Arguments& arguments, const Stack& results) {
    if (name != "aten::_weight_norm") return;
    const auto found = tensor_names_.find(arguments[0].toTensor().unsafeGetTensorImpl());
    const bool has_unit_length = arguments[1].toTensor().eq(1).all().item<bool>() && arguments[2].toInt() == 0;
    if (found == tensor_names_.end() || !has_unit_length) return;
    const Tensor& rows = results.at(0).toTensor();
    alive_.push_back(rows);
    tensor_names_[rows.unsafeGetTensorImpl()] = found->second;
    unit_rows_.insert(rows.unsafeGetTensorImpl());
  }

  /// "layer1.0.conv1" for a tensor that is the parameter "layer1.0.conv1.weight".
  std::string module_name(const Tensor& parameter) const {
    const auto found = tensor_names_.find(parameter.unsafeGetTensorImpl());
    return found == tensor_names_.end() ? "" : found->second.substr(0, found->second.rfind('.'));
  }

  /// A weight, whose name is noted where it has one; undefined for none.
  Array weight(const c10::IValue& value) {
    if (!value.isTensor() || !value.toTensor().defined()) return {};
    const Array array = to_array(value.toTensor());
    const auto found = tensor_names_.find(value.toTensor().unsafeGetTensorImpl());
    if (found != tensor_names_.end()) {
      weight_names_[array.data()] = {found->second, unit_rows_.contains(found->first)};
    }
    return array;
  }

  static int64_t single(const c10::IValue& list, const char* what) {
    const std::vector<int64_t> values = list.toIntVector();
    for (const int64_t value : values) TORCH_CHECK(value == values[0], what, " differs in height and width");
    return values.at(0);
  }

  void put(Op op, const std::vector<NodeId>& inputs, const Stack& results, const std::string& name = "") {
    remember(results.at(0).toTensor(), graph_.add(std::move(op), inputs, name));
  }
  template <typename Kind>
  void unary(const Arguments& in, const Stack& out) {
    put(Kind{}, {number(in[0])}, out);
  }
  template <typename Kind>
  void binary(const Arguments& in, const Stack& out) {
    put(Kind{}, {number(in[0]), number(in[1])}, out);
  }
  void same(const Arguments& in, const Stack& out) { remember(out.at(0).toTensor(), number(in[0])); }

  void convolution(const Arguments& in, const Stack& out) {
    const std::vector<int64_t> padding = in[4].toIntVector();
    put(ops::Convolution{.weight = weight(in[1]),
                         .bias = weight(in[2]),
                         .stride = single(in[3], "a stride"),
                         .groups = in[6].toInt(),
                         .padding = {padding.at(0), padding.back(), padding.at(0), padding.back()}},
        {number(in[0])}, out, module_name(in[1].toTensor()));
  }

  void linear(const Arguments& in, const Stack& out) {
    const Array dense = weight(in[1]);
    const int64_t outputs = dense.size(0), features = dense.size(1);
    const NodeId map = graph_.add(ops::Reshape{{features, 1, 1}}, {number(in[0])});
    const NodeId product = graph_.add(
        ops::Convolution{.weight = dense.reshaped({outputs, features, 1, 1}), .bias = weight(in[2]), .padding = {}},
        {map}, module_name(in[1].toTensor()));
    put(ops::Reshape{{outputs}}, {product}, out);
  }

  void batch_norm(const Arguments& in, const Stack& out) {
    TORCH_CHECK(!in[5].toBool(), "a network is traced in evaluation mode");
    put(ops::BatchNorm{weight(in[1]), weight(in[2]), weight(in[3]), weight(in[4]), in[7].toDouble()}, {number(in[0])},
        out, module_name(in[1].toTensor()));
  }

  static Padding both_sides(const c10::IValue& value) {
    const std::vector<int64_t> padding = value.toIntVector();
    return {padding.at(0), padding.back(), padding.at(0), padding.back()};
  }

  void max_pool(const Arguments& in, const Stack& out) {
    put(ops::MaxPool{single(in[1], "a window"), single(in[2], "a stride"), both_sides(in[3]), in[5].toBool()},
        {number(in[0])}, out);
  }

  void average_pool(const Arguments& in, const Stack& out) {
    const int64_t kernel = single(in[1], "a window");
    // A fixed divisor counts what ceil_mode adds; without one, only explicit padding counts.
    const bool fixed_divisor = in[6].isInt();
    TORCH_CHECK(!fixed_divisor || in[6].toInt() == kernel * kernel, "an average has another divisor");
    const bool counts = fixed_divisor || (in[5].toBool() && !in[4].toBool());
    put(ops::AveragePool{kernel, single(in[2], "a stride"), both_sides(in[3]), counts, in[4].toBool()}, {number(in[0])},
        out);
  }

  void pad(const Arguments& in, const Stack& out, ops::PadMode mode) {
    const std::vector<int64_t> sides = in[1].toIntVector();
    put(ops::Pad{{sides[2], sides[0], sides[3], sides[1]}, mode}, {number(in[0])}, out);
  }
  void reflection_pad(const Arguments& in, const Stack& out) { pad(in, out, ops::PadMode::kReflect); }
  void replication_pad(const Arguments& in, const Stack& out) { pad(in, out, ops::PadMode::kEdge); }
  void zero_pad(const Arguments& in, const Stack& out) {
    TORCH_CHECK(in[1].toIntVector().size() == 4 && in[2].toScalar().toDouble() == 0,
                "graphs pad height and width, with zeros");
    pad(in, out, ops::PadMode::kZero);
  }

  static void check_spatial(const c10::IValue& dimensions, const c10::IValue& keep) {
    TORCH_CHECK(dimensions.toIntVector() == std::vector<int64_t>({2, 3}) && keep.toBool(),
                "graphs reduce over height and width");
  }
  void mean(const Arguments& in, const Stack& out) {
    check_spatial(in[1], in[2]);
    unary<ops::Mean>(in, out);
  }
  void sum(const Arguments& in, const Stack& out) {
    check_spatial(in[1], in[2]);
    unary<ops::Sum>(in, out);
  }

  void chunk(const Arguments& in, const Stack& out) {
    int64_t begin = 0;
    for (const Tensor& part : out.at(0).toTensorVector()) {
      const int64_t end = begin + part.size(in[2].toInt());
      remember(part, graph_.add(ops::Slice{in[2].toInt(), begin, end}, {number(in[0])}));
      begin = end;
    }
  }

  void slice(const Arguments& in, const Stack& out) {
    const int64_t dimension = in[1].toInt();
    if (dimension == 0) return same(in, out);
    const int64_t size = graph_.node(number(in[0])).shape.at(static_cast<size_t>(dimension - 1));
    const int64_t begin = in[2].isInt() ? in[2].toInt() : 0;
    int64_t end = std::min(in[3].isInt() ? in[3].toInt() : size, size);
    const int64_t step = in[4].toInt();
    if (begin == 0 && end == size && step == 1) return same(in, out);
    if (end == size && dimension > 1) end = ops::Slice::kToEnd;  // also of images of another size
    put(ops::Slice{dimension, begin, end, step}, {number(in[0])}, out);
  }

  void add(const Arguments& in, const Stack& out) {
    TORCH_CHECK(in[2].toScalar().toDouble() == 1, "a sum has a factor");
    binary<ops::Add>(in, out);
  }
  void subtract(const Arguments& in, const Stack& out) {
    TORCH_CHECK(in[2].toScalar().toDouble() == 1, "a difference has a factor");
    binary<ops::Subtract>(in, out);
  }
  void multiply(const Arguments& in, const Stack& out) {
    if (in[1].isTensor() && in[1].toTensor().dim() == 0) {
      put(ops::Scale{in[1].toTensor().item<double>()}, {number(in[0])}, out);
    } else if (!in[1].isTensor()) {
      put(ops::Scale{in[1].toScalar().toDouble()}, {number(in[0])}, out);
    } else {
      binary<ops::Multiply>(in, out);
    }
  }
  void lerp(const Arguments& in, const Stack& out) {
    put(ops::Mix{}, {number(in[0]), number(in[1]), number(in[2])}, out);
  }

  void upsample(const Arguments& in, const Stack& out) {
    const std::vector<int64_t>& shape = graph_.node(number(in[0])).shape;
    TORCH_CHECK(in[1].toIntVector() == std::vector<int64_t>({2 * shape[1], 2 * shape[2]}), "graphs upsample by 2");
    unary<ops::Upsample>(in, out);
  }

  void permute(const Arguments& in, const Stack& out) {
    put(ops::Transpose{in[1].toIntVector()}, {number(in[0])}, out);
  }
  void reshape(const Arguments& in, const Stack& out) {
    const Tensor& result = out.at(0).toTensor();
    const std::vector<int64_t> sizes = result.sizes().vec();
    put(ops::Reshape{{sizes.begin() + 1, sizes.end()}}, {number(in[0])}, out);
  }

  static double or_else(const c10::IValue& bound, double otherwise) {
    return bound.isNone() ? otherwise : bound.toScalar().toDouble();
  }
  void clamp(const Arguments& in, const Stack& out) {
    constexpr double kLargest = std::numeric_limits<float>::max();
    put(ops::Clamp{or_else(in[1], -kLargest), or_else(in[2], kLargest)}, {number(in[0])}, out);
  }
  void relu6(const Arguments& in, const Stack& out) { put(ops::Clamp{0, 6}, {number(in[0])}, out); }
  void clamp_min(const Arguments& in, const Stack& out) {
    put(ops::Clamp{in[1].toScalar().toDouble(), std::numeric_limits<float>::max()}, {number(in[0])}, out);
  }
  void power(const Arguments& in, const Stack& out) {
    put(ops::Power{in[1].toScalar().toDouble()}, {number(in[0])}, out);
  }

  Graph graph_;
  Tensor images_;
  std::unordered_map<const c10::TensorImpl*, NodeId> numbers_;
  std::unordered_map<const c10::TensorImpl*, std::string> tensor_names_;
  std::unordered_set<const c10::TensorImpl*> unit_rows_;
  WeightNames weight_names_;
  std::vector<Tensor> alive_;
};

const std::map<std::string, Recorder::Handler>& Recorder::handlers() {
  static const std::map<std::string, Handler> all{
      {"aten::conv2d", &Recorder::convolution},
      {"aten::linear", &Recorder::linear},
      {"aten::batch_norm", &Recorder::batch_norm},
      {"aten::relu", &Recorder::unary<ops::Relu>},
      {"aten::relu_", &Recorder::unary<ops::Relu>},
      {"aten::relu6", &Recorder::relu6},
      {"aten::relu6_", &Recorder::relu6},
      {"aten::sigmoid", &Recorder::unary<ops::Sigmoid>},
      {"aten::sigmoid_", &Recorder::unary<ops::Sigmoid>},
      {"aten::add.Tensor", &Recorder::add},
      {"aten::add_.Tensor", &Recorder::add},
      {"aten::sub.Tensor", &Recorder::subtract},
      {"aten::mul.Tensor", &Recorder::multiply},
      {"aten::mul.Scalar", &Recorder::multiply},
      {"aten::lerp.Tensor", &Recorder::lerp},
      {"aten::max_pool2d", &Recorder::max_pool},
      {"aten::avg_pool2d", &Recorder::average_pool},
      {"aten::reflection_pad2d", &Recorder::reflection_pad},
      {"aten::replication_pad2d", &Recorder::replication_pad},
      {"aten::constant_pad_nd", &Recorder::zero_pad},
      {"aten::mean.dim", &Recorder::mean},
      {"aten::sum.dim_IntList", &Recorder::sum},
      {"aten::chunk", &Recorder::chunk},
      {"aten::slice.Tensor", &Recorder::slice},
      {"aten::upsample_nearest2d", &Recorder::upsample},
      {"aten::permute", &Recorder::permute},
      {"aten::flatten.using_ints", &Recorder::reshape},
      {"aten::unsqueeze", &Recorder::reshape},
      {"aten::clamp", &Recorder::clamp},
      {"aten::clamp_min", &Recorder::clamp_min},
      {"aten::pow.Tensor_Scalar", &Recorder::power},
      {"aten::to.dtype", &Recorder::same},
      {"aten::to.dtype_layout", &Recorder::same},
      {"aten::detach", &Recorder::same},
  };
  return all;
}

thread_local Recorder* recorder = nullptr;

void record(const c10::OperatorHandle& op, Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard pass_on(kRecording);
  const auto& name = op.operator_name();
  const auto arguments = torch::jit::last(*stack, op.schema().arguments().size()).vec();
  op.callBoxed(stack);
  const size_t results = op.schema().returns().size();
  if (recorder && results > 0) {
    recorder->record(name.overload_name.empty() ? name.name : name.name + "." + name.overload_name, arguments,
                     torch::jit::last(*stack, results).vec());
  }
}

}  // namespace

TracedNetwork trace(torch::nn::Module& module, const std::function<Tensor(const Tensor&)>& forward,
                    int64_t image_size) {
  // Not registered for good: the dispatcher takes one such function in a process, which may hold this library twice,
  // its C API's shared library being one.
  static std::mutex tracing;
  const std::lock_guard lock(tracing);
  torch::Library dispatcher(torch::Library::IMPL, "_", kRecording, __FILE__, __LINE__);
  dispatcher.fallback(torch::CppFunction::makeFromBoxedFunction<&record>());

  const torch::NoGradGuard no_grad;
  const nn::EvalMode evaluating(module);
  Recorder recording(module, image_size);
  recorder = &recording;
  Tensor logits;
  try {
    const c10::impl::IncludeDispatchKeyGuard guard(kRecording);
    logits = forward(recording.images());
  } catch (...) {
    recorder = nullptr;
    throw;
  }
  recorder = nullptr;
  return recording.traced(logits);
}

}  // namespace assemble
