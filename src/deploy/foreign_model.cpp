// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/foreign_model.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/shards.h"
#include "engines/engines.h"
#include "foreign_limits.h"

namespace assemble {
namespace {

constexpr int64_t kChannels = 3;
constexpr int64_t kLargestBatch = 4096;
constexpr float kWhite = 255;
constexpr int kUsualSize = 224;       ///< pixels
constexpr double kUsualCrop = 0.875;  ///< of the short side
constexpr std::array<float, 3> kImagenetMean{0.485f, 0.456f, 0.406f}, kImagenetDeviation{0.229f, 0.224f, 0.225f};

bool is_float(OnnxType type) {
  return type == OnnxType::kFloat || type == OnnxType::kFloat16 || type == OnnxType::kDouble ||
         type == OnnxType::kBfloat16;
}

std::string show_dims(const std::vector<int64_t>& dims) {
  std::vector<std::string> parts;
  parts.reserve(dims.size());
  for (const int64_t dim : dims) parts.push_back(dim < 0 ? "?" : std::to_string(dim));
  return "[" + join(parts, ", ") + "]";
}

std::string names_of_values(const std::vector<OnnxValue>& values) {
  std::vector<std::string> names;
  names.reserve(values.size());
  for (const OnnxValue& value : values) names.push_back(concat("'", value.name, "' ", show_dims(value.dims)));
  return join(names, ", ");
}

template <size_t N>
std::string show_numbers(const std::array<float, N>& numbers) {
  std::vector<std::string> parts;
  parts.reserve(N);
  for (const float number : numbers) parts.push_back(concat(number));
  return "[" + join(parts, ", ") + "]";
}

/// "int64", or the number of a type that has no name here.
std::string type_name(OnnxType type) {
  switch (static_cast<int>(type)) {
    case 0:
      return "an unknown type";
    case 6:
      return "int32";
    case 7:
      return "int64";
    case 8:
      return "text";
    case 9:
      return "bool";
    default:
      return concat("ONNX type ", static_cast<int>(type));
  }
}

/// Whether every image may have a row of values, one a class.
bool may_be_classes(const OnnxValue& value) {
  if (value.type != OnnxType{} && !is_float(value.type)) return false;
  if (value.dims.size() < 2) return value.dims.empty();
  int64_t longer = 0;
  for (size_t i = 1; i < value.dims.size(); ++i) longer += value.dims[i] == 1 ? 0 : 1;
  return longer == 1;
}

/// The operator that makes a value, behind those that leave its numbers as they are; empty where it is not known.
std::string operator_of(const OnnxInterface& interface, std::string value) {
  constexpr std::array<const char*, 7> kSameNumbers{"Identity", "Cast",    "Reshape",  "Flatten",
                                                    "Squeeze",  "Convert", "Unsqueeze"};
  for (auto node = interface.nodes.rbegin(); node != interface.nodes.rend(); ++node) {
    if (std::ranges::find(node->outputs, value) == node->outputs.end()) continue;
    if (std::ranges::find(kSameNumbers, node->type) == kSameNumbers.end() || node->inputs.empty()) return node->type;
    value = node->inputs.front();
  }
  return "";
}

/// Of ONNX, of ONNX Runtime, of OpenVINO.
bool quantises(const OnnxOperation& node) {
  return node.type == "QuantizeLinear" || node.type.starts_with("QLinear") || node.type == "FakeQuantize";
}

/// Works out a ForeignModel, noting what has to be said for it and what is guessed.
class Description {
 public:
  Description(const OnnxInterface& interface, const ForeignModelOptions& options, const fs::path& network)
      : interface_(interface), options_(options), file_(foreign_options_file(network)), where_(network.string()) {
    opset_ = interface.opset > 0 ? concat(" in operator set ", interface.opset) : "";
    from_torch_ = interface.producer.starts_with("pytorch");
  }

  ForeignModel run() {
    describe_input();
    describe_output();
    describe_pixels();
    describe_geometry();
    if (!missing_.empty()) {
      throw InputError(where_, "neither it nor what is said of it tells how it is to be used",
                       concat("add to ", file_.string(), ", or give as an option:\n  ", join(missing_, "\n  "), "\n"));
    }
    name_classes();
    model_.temperature = options_.temperature.value_or(1);
    model_.in_8_bits = std::ranges::any_of(interface_.nodes, quantises);
    model_.embedding_name = options_.embedding_name;
    const std::string producer = interface_.producer.empty() ? "another program" : interface_.producer;
    model_.card.arch = (fs::path(where_).extension() == kIrEnding ? "openvino of " : "onnx of ") + producer;
    describe_in_words();
    model_.options = std::move(options_);
    return std::move(model_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const std::string& hint) const {
    throw InputError(where_, what, hint);
  }
  [[noreturn]] void refuse_option(const std::string& key, const std::string& what, const std::string& hint = "") const {
    throw InputError(fs::exists(file_) ? file_.string() : concat("options of ", where_), concat("'", key, "' ", what),
                     hint);
  }

  void describe_input() {
    if (interface_.inputs.size() != 1) {
      refuse(concat("has ", interface_.inputs.size(), " inputs: ", names_of_values(interface_.inputs),
                    ", expected one, of images"),
             "export the network with the images as its only input, the others as constants");
    }
    const OnnxValue& input = interface_.inputs.front();
    model_.pixels = input.type == OnnxType::kUint8;
    if (!model_.pixels && !is_float(input.type)) {
      refuse(concat("its input '", input.name, "' ", show_dims(input.dims), " takes ", type_name(input.type),
                    ", expected images [N, 3, S, S] or [N, S, S, 3] of floats or uint8"),
             "give a classifier of images, exported with an input of floats or of uint8");
    }
    std::vector<int64_t> dims = input.dims;
    if (dims.empty()) dims = {-1, -1, -1, -1};  // nothing is said
    if (dims.size() != 4) refuse_shape(dims);
    model_.batch = std::max<int64_t>(dims[0], 0);
    if (model_.batch > kLargestBatch) {
      refuse(concat("takes ", model_.batch, " images at once"), concat("export it for at most ", kLargestBatch));
    }
    const bool channels_first = dims[1] == kChannels, channels_last = dims[3] == kChannels;
    if (!channels_first && !channels_last && dims[1] > 0 && dims[3] > 0) refuse_shape(dims);
    if (!options_.layout) {
      if (channels_first != channels_last || options_.assume) {
        options_.layout = channels_last && !channels_first ? ImageLayout::kNhwc : ImageLayout::kNchw;
      } else {
        need("layout = \"nchw\"", "or \"nhwc\": where the channels of " + show_dims(dims) + " are", "input_layout");
        return;
      }
    }
    model_.layout = *options_.layout;
    const bool first = model_.layout == ImageLayout::kNchw;
    const int64_t channels = dims[first ? 1 : 3];
    if (channels != kChannels && channels != -1) refuse_shape(dims);
    choose_size(dims[first ? 2 : 1], dims[first ? 3 : 2], dims);
  }

  [[noreturn]] void refuse_shape(const std::vector<int64_t>& dims) const {
    refuse(concat("its input '", interface_.inputs.front().name, "' is ", show_dims(dims),
                  ", expected images [N, 3, S, S] or [N, S, S, 3]",
                  options_.layout ? concat(" (taken as ", kImageLayouts.name(*options_.layout), ")") : ""),
           "give a classifier of colour images");
  }

  void choose_size(int64_t height, int64_t width, const std::vector<int64_t>& dims) {
    if (height > 0 && width > 0 && height != width) {
      refuse(concat("takes images of ", height, "×", width), "only square images are made: export it for those");
    }
    const int64_t fixed = std::max(height, width);
    model_.any_size = fixed <= 0;
    const int64_t size = fixed > 0 ? fixed : options_.size.value_or(options_.assume ? kUsualSize : 0);
    if (size == 0) {
      need("size = 224", "side of the images: " + show_dims(dims) + " leaves it open", "input_size");
    } else if (size > foreign::kLargestSide || size < 1) {
      refuse_shape(dims);
    } else if (options_.size && *options_.size != size) {
      refuse_option("size", concat(*options_.size, ", but ", where_, " takes images of ", size),
                    "leave it out, or export the network for that size");
    }
    if (size > 0) options_.size = static_cast<int>(size);
    model_.card.preprocessing.train_size = model_.card.preprocessing.eval_size = static_cast<int>(size);
  }

  void describe_output() {
    const OnnxValue* output = choose_output();
    if (output == nullptr) return;
    options_.output_name = model_.output_name = output->name;
    if (!is_float(output->type) && output->type != OnnxType{}) {
      refuse(concat("its output '", output->name, "' is no float"), "name another one with output-name");
    }
    count_outputs(*output);
    choose_kind();
    if (options_.output) model_.output = *options_.output;
  }

  /// @return nothing where the user must choose
  const OnnxValue* choose_output() {
    const std::vector<OnnxValue>& outputs = interface_.outputs;
    if (outputs.empty()) refuse("has no output", "export it anew");
    const std::string listed = names_of_values(outputs);
    if (!options_.output_name.empty()) {
      const auto found = std::ranges::find(outputs, options_.output_name, &OnnxValue::name);
      if (found != outputs.end()) return &*found;
      refuse_option("output-name", concat("'", options_.output_name, "' is no output of ", where_),
                    "its outputs are " + listed);
    }
    if (outputs.size() == 1) return &outputs.front();
    std::vector<const OnnxValue*> candidates;
    for (const OnnxValue& output : outputs) {
      if (may_be_classes(output)) candidates.push_back(&output);
    }
    const auto is_row = [](const OnnxValue* output) { return output->dims.size() == 2; };
    if (std::ranges::any_of(candidates, is_row)) {  // before pooled maps [N, C, 1, 1]
      std::erase_if(candidates, [&](const OnnxValue* output) { return !is_row(output); });
    }
    if (candidates.empty()) {
      refuse(concat("none of its outputs is [N, classes]: ", listed, "; is it a detector?"),
             "give a classifier, or export the output with the classes");
    }
    if (candidates.size() > 1 && !options_.assume) {
      need(concat("output-name = \"", candidates.front()->name, "\""),
           "which of the outputs has the classes: " + listed, "output_name");
      return nullptr;
    }
    guess(concat("the classes are its output '", candidates.front()->name, "'"));
    return candidates.front();
  }

  /// Whether the last layer is a softmax stands in the graph.
  void choose_kind() {
    if (options_.output) return;
    const std::string last = operator_of(interface_, options_.output_name);
    if (last == "Softmax" || last == "SoftMax") {
      options_.output = OutputKind::kSoftmax;
    } else if (last == "Sigmoid" && !options_.assume) {
      refuse(concat("its output '", options_.output_name, "' is a sigmoid of each class, expected logits or a softmax"),
             "export it without the last layer, or name another output with output-name");
    } else if (!last.empty() || options_.assume) {
      options_.output = OutputKind::kLogits;
    } else {
      need("output = \"logits\"", "or \"softmax\": whether its last layer is a softmax", "output_kind");
    }
  }

  void count_outputs(const OnnxValue& output) {
    outputs_ = -1;
    if (output.dims.empty()) return;
    outputs_ = output.dims.size() > 1 ? 1 : 0;
    for (size_t i = 1; i < output.dims.size(); ++i) {
      if (output.dims[i] == 1) continue;
      if (output.dims[i] < 0) {
        outputs_ = -1;
        return;
      }
      if (outputs_ != 1) outputs_ = 0;  // more than one dimension
      outputs_ *= output.dims[i];
    }
    if (outputs_ > 0 && outputs_ <= foreign::kMostOutputs) return;
    refuse(concat("its output '", output.name, "' is ", show_dims(output.dims), ", expected [N, classes]"),
           "name another output with output-name, or export a classifier");
  }

  void describe_pixels() {
    Preprocessing& preprocessing = model_.card.preprocessing;
    if (!options_.channels) options_.channels = ChannelOrder::kRgb;
    model_.channels = *options_.channels;
    const std::array<float, 2> bytes{0, kWhite};
    if (model_.pixels) {
      const bool as_they_are =
          options_.value_range.value_or(bytes) == bytes &&
          options_.mean.value_or(std::array<float, 3>{}) == std::array<float, 3>{} &&
          options_.deviation.value_or(std::array<float, 3>{1, 1, 1}) == std::array<float, 3>{1, 1, 1};
      if (!as_they_are) {
        refuse_option("value-range", "with mean and deviation cannot be: the input takes bytes as they are",
                      "leave the three out");
      }
      preprocessing.mean = {0, 0, 0};
      preprocessing.deviation = {1, 1, 1};
      return;
    }
    guess_pixels();
    const bool bytes_said = (options_.mean && std::ranges::max(*options_.mean) > 1) ||
                            (options_.deviation && std::ranges::max(*options_.deviation) > 1);
    if (!options_.value_range) {
      need(bytes_said ? "value-range = [0, 255]" : "value-range = [0, 1]",
           "what black and white are before the mean: [0, 1], [0, 255] or [-1, 1]", "value_range");
    }
    if (!options_.mean) {
      need(bytes_said ? "mean = [123.675, 116.28, 103.53]" : "mean = [0.485, 0.456, 0.406]",
           "R, G, B, in that range; ImageNet's here", "input_mean");
    }
    if (!options_.deviation) {
      need(bytes_said ? "deviation = [58.395, 57.12, 57.375]" : "deviation = [0.229, 0.224, 0.225]",
           "R, G, B; ImageNet's here", "input_deviation");
    }
    if (!options_.value_range || !options_.mean || !options_.deviation) return;
    require_consistent_pixels();
    const auto [black, white] = *options_.value_range;
    const float unit = kWhite / (white - black);
    for (size_t c = 0; c < 3; ++c) {
      preprocessing.mean[c] = ((*options_.mean)[c] - black) * unit;
      preprocessing.deviation[c] = (*options_.deviation)[c] * unit;
    }
  }

  /// Mean and deviation are of values in the range: those of bytes beside values up to 1 would make every image black.
  void require_consistent_pixels() const {
    constexpr float kSmallest = 1.f / 512, kLargest = 2;  // of the range
    const auto [black, white] = *options_.value_range;
    const std::string range = concat(" beside `value_range` ", show_numbers(*options_.value_range));
    const std::string hint = "the three are in the same units: of values up to 1, or of bytes";
    for (size_t c = 0; c < 3; ++c) {
      const float mean = (*options_.mean)[c], share = (*options_.deviation)[c] / (white - black);
      if (mean < black || mean > white) {
        refuse_option("mean", concat(show_numbers(*options_.mean), " cannot be", range), hint);
      }
      if (share < kSmallest || share > kLargest) {
        refuse_option("deviation", concat(show_numbers(*options_.deviation), " cannot be", range), hint);
      }
    }
  }

  /// Networks of PyTorch are trained by torchvision's transforms, nearly always with ImageNet's mean; those of others
  /// are not alike.
  void guess_pixels() {
    const bool nothing_said = !options_.value_range && !options_.mean && !options_.deviation;
    const bool like_torch = from_torch_ && model_.layout == ImageLayout::kNchw;
    if (nothing_said && (like_torch || options_.assume)) {
      options_.value_range = {0, 1};
      options_.mean = kImagenetMean;
      options_.deviation = kImagenetDeviation;
      guess(
          "looks like torchvision's ImageNet preprocessing: value-range [0, 1], mean [0.485, 0.456, 0.406], "
          "deviation [0.229, 0.224, 0.225]");
    }
    const std::array<float, 2> unit{0, 1};
    if (options_.value_range && *options_.value_range != unit) {
      if (!options_.mean) options_.mean = {0, 0, 0};
      if (!options_.deviation) options_.deviation = {1, 1, 1};
    }
    if (!options_.value_range && options_.mean && options_.deviation) {
      const bool of_bytes = std::ranges::max(*options_.mean) > 1 || std::ranges::max(*options_.deviation) > 1;
      options_.value_range = of_bytes ? std::array<float, 2>{0, kWhite} : unit;
      guess(concat("the mean looks like one of values in [0, ", of_bytes ? 255 : 1, "]"));
    }
  }

  void describe_geometry() {
    Preprocessing& preprocessing = model_.card.preprocessing;
    const int size = preprocessing.eval_size;
    std::vector<std::string> usual;
    const auto choose = [&](auto& option, auto value, const std::string& words) {
      if (option) return;
      option = value;
      usual.push_back(words);
    };
    choose(options_.crop, CropMode::kCenter, "crop \"center\"");
    const CropMode crop = *options_.crop;
    if (crop == CropMode::kCenter && size > 0) {
      const int resize = std::max(size, static_cast<int>(size / kUsualCrop));
      choose(options_.resize, resize, concat("resize ", resize));
    }
    choose(options_.antialias, true, "antialias true");
    choose(options_.interpolation, ResizeFilter::kBilinear, "interpolation \"bilinear\"");
    if (!usual.empty()) guess("the usual way to its square is taken: " + join(usual, ", "));
    if (crop != CropMode::kCenter && options_.resize) {
      refuse_option("resize", concat("has no effect with crop ", kCropModes.name(crop)), "leave it out");
    }
    preprocessing.eval_resize = options_.resize.value_or(size);
    if (missing_.empty() && preprocessing.eval_resize < size) {
      refuse_option("resize", concat(preprocessing.eval_resize, " is less than the crop of ", size));
    }
    preprocessing.antialias = options_.antialias.value_or(true);
    preprocessing.bicubic = options_.interpolation == ResizeFilter::kBicubic;
    if (preprocessing.bicubic && !preprocessing.antialias) {
      refuse_option("interpolation", "bicubic is only there with antialias", "set antialias = true");
    }
    preprocessing.family = family_of(crop, preprocessing.antialias);
  }

  static PreprocessingFamily family_of(CropMode crop, bool antialias) {
    switch (crop) {
      case CropMode::kCenter:
        return antialias ? PreprocessingFamily::kTorchvision : PreprocessingFamily::kImagenet;
      case CropMode::kSquash:
        return antialias ? PreprocessingFamily::kTorchvisionSquash : PreprocessingFamily::kReid;
      case CropMode::kInception:
        break;
    }
    return PreprocessingFamily::kInception;
  }

  void name_classes() {
    model_.label_offset = options_.label_offset.value_or(0);
    std::vector<std::string>& names = model_.card.class_names;
    if (!options_.classes.empty()) names = read_class_names(options_.classes);
    const auto named = static_cast<int64_t>(names.size());
    if (outputs_ < 0) return;
    const int64_t classes = outputs_ - model_.label_offset;
    if (classes < 1) {
      refuse_option("label-offset", concat(model_.label_offset, " leaves none of the ", outputs_, " outputs"));
    }
    if (named == 0) {
      model_.count_classes(outputs_);
    } else if (named != classes) {
      refuse_option("classes", concat("names ", named, " classes, the network has ", classes,
                                      model_.label_offset > 0 ? concat(" after the first ", model_.label_offset) : ""));
    }
  }

  void describe_in_words() {
    const Preprocessing& preprocessing = model_.card.preprocessing;
    const std::string size = concat(preprocessing.eval_size, "×", preprocessing.eval_size);
    const std::string geometry = preprocessing.resizes_short_side()
                                     ? concat("short side to ", preprocessing.eval_resize, ", middle ", size)
                                     : concat(kCropModes.name(*options_.crop), " to ", size);
    model_.description = concat(
        model_.card.arch, opset_, ": ", kImageLayouts.name(model_.layout), ", ", kChannelOrders.name(model_.channels),
        ", ", geometry, ", ", kInterpolations.name(*options_.interpolation),
        preprocessing.antialias ? " with" : " without", " antialiasing, ",
        model_.pixels
            ? "bytes"
            : concat("value range ", show_numbers(*options_.value_range), ", mean ", show_numbers(*options_.mean),
                     ", deviation ", show_numbers(*options_.deviation), " (R, G, B)"),
        "; output '", model_.output_name, "' is ", kOutputKinds.name(model_.output), " of ", model_.card.classes(),
        " classes", model_.label_offset > 0 ? concat(" after the first ", model_.label_offset) : "");
    model_.card.training[kForeignKey] = model_.description;
  }

  /// @param line of the .toml file, `option` the one that says the same
  void need(const std::string& line, const std::string& what, const std::string& option) {
    missing_.push_back(concat(line, "  # ", what, "; or `", option, "`"));
  }
  void guess(const std::string& what) {
    if (!options_.assume) model_.guesses.push_back(what);
  }

  const OnnxInterface& interface_;
  ForeignModelOptions options_;  ///< those given, completed
  const fs::path file_;
  const std::string where_;
  std::string opset_;
  bool from_torch_ = false;
  ForeignModel model_;
  int64_t outputs_ = -1;  ///< -1: not known
  std::vector<std::string> missing_;
};

}  // namespace

void ForeignModel::count_classes(int64_t outputs) {
  if (!card.class_names.empty()) return;
  for (int64_t c = 0; c < outputs - label_offset; ++c) card.class_names.push_back(std::to_string(c));
}

bool is_foreign(const fs::path& network) {
  if (network.extension() == kIrEnding) return true;
  return network.extension() == ".onnx" && !read_onnx_metadata(network).contains("arch");
}

OnnxInterface read_foreign_interface(const fs::path& network) {
  if (network.extension() != kIrEnding) return read_onnx_interface(network);
#ifdef ASSEMBLE_OPENVINO
  return read_ir_interface(network.string());
#else
  throw UsageError(network.string(), "is OpenVINO's, which this build lacks", "export the network as .onnx");
#endif
}

ForeignModel describe_foreign(const OnnxInterface& interface, const ForeignModelOptions& options,
                              const fs::path& network) {
  return Description(interface, options, network).run();
}

ForeignModel read_foreign(const fs::path& network, const ForeignModelOptions& given) {
  return describe_foreign(read_foreign_interface(network), foreign_options(network, given), network);
}

}  // namespace assemble
