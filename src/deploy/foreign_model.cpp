// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/foreign_model.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/data/shards.h"
#include "foreign_limits.h"

namespace assemble {
namespace {

constexpr int64_t kChannels = 3;
constexpr int64_t kLargestBatch = 4096;
constexpr float kWhite = 255;
constexpr uint64_t kLargestOptions = uint64_t{1} << 20;

bool is_float(OnnxType type) {
  return type == OnnxType::kFloat || type == OnnxType::kFloat16 || type == OnnxType::kDouble ||
         type == OnnxType::kBfloat16;
}

std::string show_dims(const std::vector<int64_t>& dims) {
  std::vector<std::string> parts;
  for (const int64_t dim : dims) parts.push_back(dim < 0 ? "?" : std::to_string(dim));
  return "[" + join(parts, ", ") + "]";
}

std::string names_of_values(const std::vector<OnnxValue>& values) {
  std::vector<std::string> names;
  for (const OnnxValue& value : values) names.push_back(concat("'", value.name, "' ", show_dims(value.dims)));
  return join(names, ", ");
}

template <size_t N>
std::string show_numbers(const std::array<float, N>& numbers) {
  std::vector<std::string> parts;
  for (const float number : numbers) parts.push_back(concat(number));
  return "[" + join(parts, ", ") + "]";
}

/// Works out a ForeignModel, noting what has to be said for it.
class Description {
 public:
  Description(const OnnxInterface& interface, const ForeignModelOptions& options, const fs::path& onnx)
      : interface_(interface), options_(options), file_(foreign_options_file(onnx)), where_(onnx.string()) {
    opset_ = interface.opset > 0 ? concat(" in operator set ", interface.opset) : "";
  }

  ForeignModel run() {
    describe_input();
    describe_output();
    describe_pixels();
    describe_geometry();
    if (!missing_.empty()) {
      throw InputError(where_, "neither it nor " + file_.string() + " says how it is to be used",
                       concat("add to ", file_.string(), ":\n  ", join(missing_, "\n  "), "\n"));
    }
    name_classes();
    const std::string producer = interface_.producer.empty() ? "another program" : interface_.producer;
    model_.card.arch = "onnx of " + producer;
    describe_in_words();
    return std::move(model_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const std::string& hint) const {
    throw InputError(where_, what, hint);
  }
  [[noreturn]] void refuse_option(const std::string& key, const std::string& what, const std::string& hint = "") const {
    throw InputError(file_.string(), concat("'", key, "' ", what), hint);
  }

  void describe_input() {
    if (interface_.inputs.size() != 1) {
      refuse(concat("has ", interface_.inputs.size(), " inputs: ", names_of_values(interface_.inputs)),
             "export the network with the images as its only input, the others as constants");
    }
    const OnnxValue& input = interface_.inputs.front();
    model_.pixels = input.type == OnnxType::kUint8;
    if (!model_.pixels && !is_float(input.type)) {
      refuse(concat("its input '", input.name, "' takes elements of ONNX type ", static_cast<int>(input.type)),
             "export it with an input of floats or of uint8");
    }
    std::vector<int64_t> dims = input.dims;
    if (dims.empty()) dims = {-1, -1, -1, -1};  // nothing is said
    if (dims.size() != 4) refuse_shape(dims);
    model_.batch = std::max<int64_t>(dims[0], 0);
    if (model_.batch > kLargestBatch) {
      refuse(concat("takes ", model_.batch, " images at once"), concat("export it for at most ", kLargestBatch));
    }
    const bool channels_first = dims[1] == kChannels, channels_last = dims[3] == kChannels;
    if (options_.layout) {
      model_.layout = *options_.layout;
    } else if (channels_first != channels_last) {
      model_.layout = channels_first ? ImageLayout::kNchw : ImageLayout::kNhwc;
    } else {
      need("layout = \"nchw\"", "or \"nhwc\": where the channels of " + show_dims(dims) + " are");
      return;
    }
    const bool first = model_.layout == ImageLayout::kNchw;
    const int64_t channels = dims[first ? 1 : 3];
    if (channels != kChannels && channels != -1) refuse_shape(dims);
    choose_size(dims[first ? 2 : 1], dims[first ? 3 : 2], dims);
  }

  [[noreturn]] void refuse_shape(const std::vector<int64_t>& dims) const {
    refuse(concat("its input '", interface_.inputs.front().name, "' is ", show_dims(dims),
                  ", expected images [N, 3, S, S] or [N, S, S, 3]",
                  options_.layout ? concat(" (", file_.string(), " says ", kImageLayouts.name(*options_.layout), ")")
                                  : ""),
           "export a classifier of colour images");
  }

  void choose_size(int64_t height, int64_t width, const std::vector<int64_t>& dims) {
    if (height > 0 && width > 0 && height != width) {
      refuse(concat("takes images of ", height, "×", width), "only square images are made: export it for those");
    }
    const int64_t fixed = std::max(height, width);
    const int64_t size = fixed > 0 ? fixed : options_.size.value_or(0);
    if (size == 0) {
      need("size = 224", "side of the images: " + show_dims(dims) + " leaves it open");
    } else if (size > foreign::kLargestSide || size < 1) {
      refuse_shape(dims);
    } else if (options_.size && *options_.size != size) {
      refuse_option("size", concat(*options_.size, ", but ", where_, " takes images of ", size),
                    "leave it out, or export the network for that size");
    }
    model_.card.preprocessing.train_size = model_.card.preprocessing.eval_size = static_cast<int>(size);
  }

  void describe_output() {
    const std::vector<OnnxValue>& outputs = interface_.outputs;
    if (outputs.empty()) refuse("has no output", "export it anew");
    const std::string listed = names_of_values(outputs);
    const OnnxValue* output = &outputs.front();
    if (!options_.output_name.empty()) {
      const auto found = std::ranges::find(outputs, options_.output_name, &OnnxValue::name);
      if (found == outputs.end()) {
        refuse_option("output-name", concat("'", options_.output_name, "' is no output of ", where_),
                      "its outputs are " + listed);
      }
      output = &*found;
    } else if (outputs.size() > 1) {
      need(concat("output-name = ", "\"", output->name, "\""), "which of the outputs has the classes: " + listed);
    }
    model_.output_name = output->name;
    if (options_.output) {
      model_.output = *options_.output;
    } else {
      need("output = \"logits\"", "or \"softmax\": whether its last layer is a softmax");
    }
    if (!is_float(output->type) && output->type != OnnxType{}) {
      refuse(concat("its output '", output->name, "' is no float"), "name another one with output-name");
    }
    count_outputs(*output);
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
    model_.channels = options_.channels;
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
    if (!options_.value_range)
      need("value-range = [0, 1]", "what black and white are before the mean: or [0, 255], [-1, 1]");
    if (!options_.mean) need("mean = [0.485, 0.456, 0.406]", "R, G, B, in that range; ImageNet's here");
    if (!options_.deviation) need("deviation = [0.229, 0.224, 0.225]", "R, G, B; ImageNet's here");
    if (!options_.value_range || !options_.mean || !options_.deviation) return;
    const auto [black, white] = *options_.value_range;
    const float unit = kWhite / (white - black);
    for (size_t c = 0; c < 3; ++c) {
      preprocessing.mean[c] = ((*options_.mean)[c] - black) * unit;
      preprocessing.deviation[c] = (*options_.deviation)[c] * unit;
    }
  }

  void describe_geometry() {
    Preprocessing& preprocessing = model_.card.preprocessing;
    const CropMode crop = options_.crop.value_or(CropMode::kCenter);
    if (!options_.crop) need("crop = \"center\"", "or \"squash\", \"inception\": how an image becomes a square");
    if (!options_.interpolation) need("interpolation = \"bilinear\"", "or \"bicubic\": of the resize");
    if (!options_.antialias) need("antialias = true", "PIL, torchvision, timm; false: TensorFlow 1's plain bilinear");
    if (crop != CropMode::kCenter && options_.resize) {
      refuse_option("resize", concat("has no effect with crop ", kCropModes.name(crop)), "leave it out");
    }
    if (crop == CropMode::kCenter && !options_.resize) need("resize = 256", "short side before the crop");
    const int size = preprocessing.eval_size;
    preprocessing.eval_resize = options_.resize.value_or(size);
    if (missing_.empty() && preprocessing.eval_resize < size) {
      refuse_option("resize", concat(preprocessing.eval_resize, " is less than the crop of ", size));
    }
    preprocessing.antialias = options_.antialias.value_or(true);
    preprocessing.bicubic = options_.interpolation == ResizeFilter::kBicubic;
    if (preprocessing.bicubic && !preprocessing.antialias) {
      refuse_option("interpolation", "bicubic is only there with antialias", "set antialias = true");
    }
    preprocessing.family = crop == CropMode::kSquash      ? PreprocessingFamily::kReid
                           : crop == CropMode::kInception ? PreprocessingFamily::kInception
                           : preprocessing.antialias      ? PreprocessingFamily::kTorchvision
                                                          : PreprocessingFamily::kImagenet;
  }

  void name_classes() {
    model_.label_offset = options_.label_offset;
    std::vector<std::string>& names = model_.card.class_names;
    if (!options_.classes.empty()) names = read_class_names(file_.parent_path() / options_.classes);
    const auto named = static_cast<int64_t>(names.size());
    if (outputs_ < 0) {
      if (named == 0) {
        refuse("does not say how many classes its output has",
               concat("add to ", file_.string(), ": classes = \"classes.txt\", a file of their names"));
      }
      return;
    }
    const int64_t classes = outputs_ - model_.label_offset;
    if (classes < 1) {
      refuse_option("label-offset", concat(model_.label_offset, " leaves none of the ", outputs_, " outputs"));
    }
    if (named == 0) {
      for (int64_t c = 0; c < classes; ++c) names.push_back(std::to_string(c));
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

  void need(const std::string& line, const std::string& what) { missing_.push_back(concat(line, "  # ", what)); }

  const OnnxInterface& interface_;
  const ForeignModelOptions& options_;
  const fs::path file_;
  const std::string where_;
  std::string opset_;
  ForeignModel model_;
  int64_t outputs_ = -1;  ///< -1: not known
  std::vector<std::string> missing_;
};

}  // namespace

fs::path foreign_options_file(const fs::path& onnx) { return fs::path(onnx).replace_extension(".toml"); }

bool is_foreign(const fs::path& onnx) { return !read_onnx_metadata(onnx).contains("arch"); }

ForeignModel describe_foreign(const OnnxInterface& interface, const ForeignModelOptions& options,
                              const fs::path& onnx) {
  return Description(interface, options, onnx).run();
}

ForeignModel read_foreign(const fs::path& onnx) {
  const OnnxInterface interface = read_onnx_interface(onnx);
  const fs::path file = foreign_options_file(onnx);
  ForeignModelOptions options;
  if (fs::exists(file)) {
    options =
        ForeignModelOptions::from_toml(decode_text(read_file(file, kLargestOptions), file.string()), file.string());
  }
  return describe_foreign(interface, options, onnx);
}

}  // namespace assemble
