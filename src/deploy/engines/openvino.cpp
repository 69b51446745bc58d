// SPDX-License-Identifier: Apache-2.0
#include <openvino/openvino.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/thread_pool.h"
#include "engines/compiled_cache.h"
#include "engines/engines.h"
#include "engines/in_flight.h"
#include "engines/openvino_model.h"

namespace assemble {
namespace {

/// Smallest batch that is shared between streams: below it, each would compute too little at once.
constexpr int64_t kSharedBatch = 4;

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
  for (const std::string& capability : openvino_core().get_property("CPU", ov::device::capabilities))
    text += " " + capability;
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
                 const std::string& where, const NetworkForm& form)
      : options_(options) {
    if (options_.threads <= 0) options_.threads = available_cores();
    if (!openvino_supports(options_.precision)) {
      log_warning(concat("this processor does not compute in ", precision_name(options_.precision), ": f32 is used"));
      options_.precision = Precision::kF32;
    }
    streams_ = stream_count(options_);
    part_ = (options_.batch + streams_ - 1) / streams_;
    if (form.foreign && form.foreign->batch > 0) part_ = form.foreign->batch;
    open(onnx, identity, where, form);
    pixels_ = model_.input().get_element_type() == ov::element::u8;
    for (int64_t i = 0; i < streams_; ++i) requests_.push_back(model_.create_infer_request());
  }

  Matrix run(const Images& images) override {
    const ov::Shape shape = model_.input().get_shape();
    require_images(images, side(shape, 1), side(shape, 2), pixels_);
    Matrix logits(images.count, outputs());
    std::vector<Input> inputs(requests_.size());
    for (int64_t begin = 0; begin < images.count; begin += part_ * streams_) {
      InFlight<ov::InferRequest> flight(requests_);
      const auto first_of = [&](size_t request) { return begin + static_cast<int64_t>(request) * part_; };
      const auto last_of = [&](size_t request) { return std::min(first_of(request) + part_, images.count); };
      for (size_t i = 0; i < requests_.size() && first_of(i) < images.count; ++i) {
        requests_[i].set_input_tensor(input_tensor(images.part(first_of(i), last_of(i)), inputs[i]));
        flight.start();
      }
      for (size_t i = 0; i < flight.started(); ++i) {
        const float* result = flight.wait().get_output_tensor().data<float>();
        std::copy_n(result, (last_of(i) - first_of(i)) * logits.columns, logits.row(first_of(i)).data());
      }
    }
    return logits;
  }

  int64_t outputs() const override { return static_cast<int64_t>(ov::shape_size(model_.output().get_shape())) / part_; }
  int64_t image_size() const override { return side(model_.input().get_shape(), 1); }
  std::string description() const override {
    return concat("OpenVINO ", ov::get_openvino_version().buildNumber, ", ", precision_name(options_.precision), ", ",
                  options_.threads, " threads, ", streams_, streams_ == 1 ? " stream" : " streams");
  }
  Precision precision() const override { return options_.precision; }

 private:
  void open(const std::function<std::string()>& onnx, const std::string& identity, const std::string& where,
            const NetworkForm& form) {
    const bool bf16 = options_.precision == Precision::kBf16;
    ov::AnyMap settings{ov::num_streams(static_cast<int32_t>(streams_)), ov::inference_num_threads(options_.threads),
                        ov::hint::inference_precision(bf16 ? ov::element::bf16 : ov::element::f32)};
#ifdef __aarch64__
    // OpenVINO 2026.4 computes convolutions in 8 bits wrongly on ARM, or finds no pooling for them.
    settings["LP_TRANSFORMS_MODE"] = false;
    if (options_.precision == Precision::kInt8) log_info("8 bits are computed in f32 on this processor");
#endif
    const CompiledCache cache(identity.empty() ? fs::path() : options_.cache,
                              concat(identity, "|", description(), "|", part_, "|", processor()));
    if (auto kept = cache.open()) {
      try {
        const ForgetWhileRead forgetting(kept->model);
        const ov::Tensor compiled(ov::element::u8, {kept->model.size()}, const_cast<uint8_t*>(kept->model.data()));
        model_ = openvino_core().import_model(compiled, "CPU", settings);
        kept_ = std::move(kept->file);
        return;
      } catch (const std::exception&) {
        log_warning(concat(cache.path().string(), " is of another version or damaged: compiling anew"));
      }
    }
    compile(onnx ? read_openvino_model(onnx(), where) : read_model_file(where, form), settings, where, form);
    release_freed_memory();
    if (!cache.path().empty()) cache.write([this](std::ostream& stream) { model_.export_model(stream); });
  }

  void compile(std::shared_ptr<ov::Model> model, const ov::AnyMap& settings, const std::string& where,
               const NetworkForm& form) {
    release_freed_memory();
    try {
      model = fed_model(std::move(model), form, part_);
      model_ = openvino_core().compile_model(model, "CPU", settings);
    } catch (const std::exception& error) {
      throw RunError(where, concat("OpenVINO cannot compile it: ", told_by_openvino(error)),
                     form.foreign ? "export it for a fixed size and number of images" : "try `engine` torch");
    }
    require_rows(where);
  }

  /// A network may hold a reshape that was written for another number of images.
  void require_rows(const std::string& where) const {
    const ov::PartialShape shape = model_.output().get_partial_shape();
    if (shape.is_static() && shape.size() > 0 && shape[0] == part_) return;
    throw InputError(where,
                     concat("gives outputs ", shape.to_string(), " for ", part_, " images, expected a row for each"),
                     "export it for one image, or with a free number of images (dynamic_axes)");
  }

  /// What a request reads where the images cannot be read as they lie.
  struct Input {
    std::vector<float> floats;
    std::vector<uint8_t> bytes;
  };

  /// A whole part: the images, followed by zeros.
  ov::Tensor input_tensor(const Images& images, Input& copy) const {
    const auto count = static_cast<size_t>(images.count * images.values_per_image());
    const auto whole = static_cast<size_t>(part_ * images.values_per_image());
    const auto tensor = [&](const auto* values) {
      return ov::Tensor(model_.input().get_element_type(), model_.input().get_shape(),
                        const_cast<void*>(static_cast<const void*>(values)));  // it is not written to
    };
    const auto filled = [&](const auto* values, auto& copied) {
      if (count == whole) return tensor(values);
      copied.assign(values, values + count);
      copied.resize(whole);
      return tensor(copied.data());
    };
    if (const auto* bytes = std::get_if<const uint8_t*>(&images.pixels)) return filled(*bytes, copy.bytes);
    const float* floats = std::get<const float*>(images.pixels);
    if (!pixels_) return filled(floats, copy.floats);
    copy.bytes.resize(whole);
    std::transform(floats, floats + count, copy.bytes.begin(),
                   [](float value) { return static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.f, 255.f)); });
    return tensor(copy.bytes.data());
  }

  EngineOptions options_;
  int64_t streams_ = 1;
  int64_t part_ = 1;  ///< images a request
  bool pixels_ = false;
  std::unique_ptr<MappedFile> kept_;  ///< what the compiled model lies in, where it comes from the cache
  ov::CompiledModel model_;
  std::vector<ov::InferRequest> requests_;
};

}  // namespace

bool openvino_supports(Precision precision) {
  if (precision == Precision::kF32) return true;
  if (precision == Precision::kF16) return false;  // of processors; bf16 is theirs
  const auto capabilities = openvino_core().get_property("CPU", ov::device::capabilities);
  const char* wanted = precision == Precision::kBf16 ? "BF16" : "INT8";
  return std::find(capabilities.begin(), capabilities.end(), wanted) != capabilities.end();
}

std::unique_ptr<Engine> make_openvino_engine(const std::function<std::string()>& onnx, const EngineOptions& options,
                                             const std::string& identity, const std::string& where,
                                             const NetworkForm& form) {
  return std::make_unique<OpenvinoEngine>(onnx, options, identity, where, form);
}

}  // namespace assemble
