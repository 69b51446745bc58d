// SPDX-License-Identifier: Apache-2.0
#include <openvino/frontend/manager.hpp>
#include <openvino/openvino.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/thread_pool.h"
#include "engines/compiled_cache.h"
#include "engines/engines.h"
#include "engines/in_flight.h"

namespace assemble {
namespace {

/// Smallest batch that is shared between streams: below it, each would compute too little at once.
constexpr int64_t kSharedBatch = 4;

ov::Core& core() {
  static ov::Core instance;
  return instance;
}

/// The bytes are freed on return, before the model is made.
ov::frontend::InputModel::Ptr parse(const ov::frontend::FrontEnd& frontend, std::string onnx) {
  std::istringstream stream(std::move(onnx));
  return frontend.load(static_cast<std::istream*>(&stream));
}

std::shared_ptr<ov::Model> read_onnx(std::string onnx, const std::string& where) {
  release_freed_memory();
  try {
    ov::frontend::FrontEndManager manager;
    const auto frontend = manager.load_by_framework("onnx");
    const auto parsed = parse(*frontend, std::move(onnx));
    release_freed_memory();
    return frontend->convert(parsed);
  } catch (const std::exception& error) {
    throw RunError(where, concat("OpenVINO cannot read its graph: ", error.what()), "try --engine torch");
  }
}

std::shared_ptr<ov::Model> read_model_file(const std::string& path) {
  std::shared_ptr<ov::Model> model;
  try {
    model = core().read_model(path);
  } catch (const std::exception& error) {
    throw InputError(path, concat("OpenVINO cannot read it: ", error.what()), "was it cut off while it was copied?");
  }
  const bool fits = model->inputs().size() == 1 && model->outputs().size() == 1 &&
                    model->input().get_partial_shape().size() == 4 && model->output().get_partial_shape().size() == 2 &&
                    model->input().get_partial_shape()[2].is_static();
  if (!fits) throw InputError(path, "expected one input [N, 3, S, S] and one output [N, classes]");
  return model;
}

int64_t side(const ov::Shape& shape, size_t dimension) { return static_cast<int64_t>(shape.at(dimension)); }

/// Instructions that the processor offers.
std::string cpu_flags() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("flags") || line.starts_with("Features")) return line;
  }
  return "";
}

/// What a compiled model depends on of the machine: its name does not tell which instructions a virtual one lacks.
std::string processor() {
  std::string text = cpu_name();
  for (const std::string& capability : core().get_property("CPU", ov::device::capabilities)) text += " " + capability;
  for (const char* variable : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"}) {
    if (const char* value = std::getenv(variable)) text += concat(" ", variable, "=", value);
  }
  return text + " " + cpu_flags();
}

/// Streams that share a batch.
int64_t stream_count(const EngineOptions& options) {
  if (options.hint == EngineHint::kLatency) return 1;
  if (options.hint == EngineHint::kThroughput) return std::clamp<int64_t>(options.threads, 1, options.batch);
  if (options.batch < kSharedBatch) return 1;
  return std::clamp<int64_t>(options.threads, 1, options.batch / (kSharedBatch / 2));
}

class OpenvinoEngine : public Engine {
 public:
  OpenvinoEngine(const std::function<std::string()>& onnx, const EngineOptions& options, const std::string& identity,
                 const std::string& where)
      : options_(options) {
    if (options_.threads <= 0) options_.threads = available_cores();
    if (!openvino_supports(options_.precision)) {
      log_warning(concat("this processor does not compute in ", precision_name(options_.precision), ": f32 is used"));
      options_.precision = EnginePrecision::kF32;
    }
    streams_ = stream_count(options_);
    part_ = (options_.batch + streams_ - 1) / streams_;
    open(onnx, identity, where);
    pixels_ = model_.input().get_element_type() == ov::element::u8;
    for (int64_t i = 0; i < streams_; ++i) requests_.push_back(model_.create_infer_request());
  }

  torch::Tensor run(const torch::Tensor& images) override {
    const ov::Shape shape = model_.input().get_shape();
    require_images(images, {side(shape, 1), side(shape, 2), side(shape, 3)}, pixels_);
    const torch::Tensor rows = as_input(images).contiguous();
    const int64_t count = rows.size(0);
    const auto classes = static_cast<int64_t>(model_.output().get_shape()[1]);
    torch::Tensor logits = torch::empty({count, classes});
    std::vector<torch::Tensor> inputs(requests_.size());
    for (int64_t begin = 0; begin < count; begin += part_ * streams_) {
      InFlight<ov::InferRequest> flight(requests_);
      const auto first_of = [&](size_t request) { return begin + static_cast<int64_t>(request) * part_; };
      const auto last_of = [&](size_t request) { return std::min(first_of(request) + part_, count); };
      for (size_t i = 0; i < requests_.size() && first_of(i) < count; ++i) {
        inputs[i] = filled(rows.slice(0, first_of(i), last_of(i)));
        requests_[i].set_input_tensor(
            ov::Tensor(model_.input().get_element_type(), model_.input().get_shape(), inputs[i].data_ptr()));
        flight.start();
      }
      for (size_t i = 0; i < flight.started(); ++i) {
        const float* result = flight.wait().get_output_tensor().data<float>();
        std::copy(result, result + (last_of(i) - first_of(i)) * classes,
                  logits.data_ptr<float>() + first_of(i) * classes);
      }
    }
    return logits;
  }

  int64_t image_size() const override { return side(model_.input().get_shape(), 1); }
  std::string description() const override {
    return concat("OpenVINO ", ov::get_openvino_version().buildNumber, ", ", precision_name(options_.precision), ", ",
                  options_.threads, " threads, ", streams_, streams_ == 1 ? " stream" : " streams");
  }
  EnginePrecision precision() const override { return options_.precision; }

 private:
  void open(const std::function<std::string()>& onnx, const std::string& identity, const std::string& where) {
    const bool bf16 = options_.precision == EnginePrecision::kBf16;
    const ov::AnyMap settings{ov::num_streams(static_cast<int32_t>(streams_)),
                              ov::inference_num_threads(options_.threads),
                              ov::hint::inference_precision(bf16 ? ov::element::bf16 : ov::element::f32)};
    const CompiledCache cache(identity.empty() ? fs::path() : options_.cache,
                              concat(identity, "|", description(), "|", part_, "|", processor()));
    if (auto compiled = cache.open()) {
      try {
        model_ = core().import_model(*compiled, "CPU", settings);
        return;
      } catch (const std::exception&) {
        log_warning(concat(cache.path().string(), " is of another version or damaged: compiling anew"));
      }
    }
    compile(onnx ? read_onnx(onnx(), where) : read_model_file(where), settings, where);
    release_freed_memory();
    if (!cache.path().empty()) cache.write([this](std::ostream& stream) { model_.export_model(stream); });
  }

  void compile(std::shared_ptr<ov::Model> model, const ov::AnyMap& settings, const std::string& where) {
    release_freed_memory();
    try {
      ov::preprocess::PrePostProcessor steps(model);
      if (model->input().get_element_type() == ov::element::f32) {
        steps.input().tensor().set_layout("NHWC");
        steps.input().model().set_layout("NCHW");
        model = steps.build();
      }
      ov::PartialShape shape = model->input().get_partial_shape();
      shape[0] = part_;
      model->reshape(shape);
      model_ = core().compile_model(model, "CPU", settings);
    } catch (const std::exception& error) {
      throw RunError(where, concat("OpenVINO cannot compile it: ", error.what()), "try --engine torch");
    }
  }

  torch::Tensor as_input(const torch::Tensor& images) const {
    if (images.scalar_type() == torch::kByte && pixels_) return images;
    const torch::Tensor rows = images.permute({0, 2, 3, 1}).to(torch::kFloat);
    return pixels_ ? rows.round().clamp(0, 255).to(torch::kByte) : rows;
  }

  /// The images, followed by zeros up to a whole part.
  torch::Tensor filled(const torch::Tensor& images) const {
    if (images.size(0) == part_) return images;
    std::vector<int64_t> missing = images.sizes().vec();
    missing[0] = part_ - images.size(0);
    return torch::cat({images, torch::zeros(missing, images.options())});
  }

  EngineOptions options_;
  int64_t streams_ = 1;
  int64_t part_ = 1;  ///< images a request
  bool pixels_ = false;
  ov::CompiledModel model_;
  std::vector<ov::InferRequest> requests_;
};

}  // namespace

bool openvino_supports(EnginePrecision precision) {
  if (precision == EnginePrecision::kF32) return true;
  const auto capabilities = core().get_property("CPU", ov::device::capabilities);
  const char* wanted = precision == EnginePrecision::kBf16 ? "BF16" : "INT8";
  return std::find(capabilities.begin(), capabilities.end(), wanted) != capabilities.end();
}

std::unique_ptr<Engine> make_openvino_engine(const std::function<std::string()>& onnx, const EngineOptions& options,
                                             const std::string& identity, const std::string& where) {
  return std::make_unique<OpenvinoEngine>(onnx, options, identity, where);
}

}  // namespace assemble
