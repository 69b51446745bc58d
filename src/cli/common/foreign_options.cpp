// SPDX-License-Identifier: Apache-2.0
#include "common/foreign_options.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "common/choice_option.h"
#include "common/numbers.h"

namespace assemble::cli {
namespace {

constexpr const char* kGroup =
    "Networks of other programs (.onnx, .xml), where a .toml file beside them does not say it";
constexpr double kLargest = 1e6;

template <size_t N>
void add_numbers(CLI::App& app, const char* flag, std::optional<std::array<float, N>>& value, const char* description,
                 const CLI::Validator& range) {
  const auto set = [&value](const std::vector<double>& numbers) {
    value.emplace();
    std::transform(numbers.begin(), numbers.end(), value->begin(), [](double x) { return static_cast<float>(x); });
  };
  app.add_option_function<std::vector<double>>(flag, set, description)
      ->transform(range)
      ->expected(static_cast<int>(N))
      ->group(kGroup);
}

void add_side(CLI::App& app, const char* flag, std::optional<int>& value, const char* description) {
  app.add_option_function<int>(
         flag, [&value](int given) { value = given; }, description)
      ->transform(side(1))
      ->group(kGroup);
}

}  // namespace

void declare_foreign(CLI::App& app, ForeignModelOptions& options) {
  add_choice(app, "--input-layout", options.layout, nullptr, kImageLayouts, "Where the input has the channels")
      ->group(kGroup);
  add_choice(app, "--input-channels", options.channels, nullptr, kChannelOrders, "Their order")->group(kGroup);
  const auto set_range = [&options](const std::vector<double>& ends) {
    if (ends[0] >= ends[1]) throw UsageError("--value-range", "has the lower value first");
    options.value_range = {static_cast<float>(ends[0]), static_cast<float>(ends[1])};
  };
  app.add_option_function<std::vector<double>>("--value-range", set_range,
                                               "What black and white are before the mean: 0 1, 0 255 or -1 1")
      ->transform(real(-kLargest, kLargest))
      ->expected(2)
      ->group(kGroup);
  add_numbers(app, "--input-mean", options.mean, "Subtracted from R, G and B, in that range",
              real(-kLargest, kLargest));
  add_numbers(app, "--input-deviation", options.deviation, "Divides R, G and B after that", real(1e-6, kLargest));
  add_side(app, "--input-size", options.size, "Side of the images, pixels, where the file leaves it open");
  add_side(app, "--input-resize", options.resize, "Short side before the middle is cut out, pixels");
  add_choice(app, "--input-crop", options.crop, nullptr, kCropModes,
             "How an image becomes a square: its middle, all of it, or the middle 0.875 of both sides")
      ->group(kGroup);
  add_choice(app, "--input-interpolation", options.interpolation, nullptr, kInterpolations, "Of the resize")
      ->group(kGroup);
  app.add_option_function<std::string>(
         "--input-antialias", [&options](const std::string& word) { options.antialias = word == "true"; },
         "Resize as PIL, torchvision and timm do; false: TensorFlow 1's plain bilinear")
      ->check(one_of({"true", "false"}))
      ->group(kGroup);
  add_choice(app, "--output-kind", options.output, nullptr, kOutputKinds, "What the network's last layer gives")
      ->group(kGroup);
  app.add_option("--output-name", options.output_name, "The output with the classes, where there are several")
      ->group(kGroup);
  app.add_option("--embedding-name", options.embedding_name,
                 "The value of the network that is the embedding; none: what its last dense layer takes")
      ->group(kGroup);
  app.add_option_function<std::string>(
         "--class-names", [&options](const std::string& file) { options.classes = file; },
         "File of the classes' names, one a line, in the order of the outputs")
      ->group(kGroup);
}

}  // namespace assemble::cli
