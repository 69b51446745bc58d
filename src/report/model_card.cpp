// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "assemble/core/encoding.h"
#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/deploy/calibrated_file.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/eval/class_pairing.h"
#include "assemble/report/package.h"
#include "page.h"
#include "serving.h"

namespace assemble {
namespace {

using report::percent;

constexpr size_t kShownClasses = 20, kWorstClasses = 5, kLongestValue = 200;

using Rows = std::vector<std::vector<std::string>>;

/// Text as it may stand in Markdown, on one line.
std::string md(std::string_view text) {
  std::string escaped;
  for (const char c : one_line(text)) {
    if (std::string_view("\\`*_{}[]<>|#&$~").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

/// Cells are Markdown. @param rows the first is the header
std::string md_table(const Rows& rows) {
  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    text += "| " + join(rows[i], " | ") + " |\n";
    if (i == 0) text += "|" + join(std::vector<std::string>(rows[0].size(), " --- "), "|") + "|\n";
  }
  return text;
}

std::string section(const char* title, const std::string& text) { return concat("\n## ", title, "\n\n", text); }

std::string in_groups(int64_t number) {
  std::string digits = std::to_string(number);
  for (auto place = static_cast<int64_t>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<size_t>(place), ",");
  }
  return digits;
}

std::string colours(const std::array<float, 3>& values) { return concat(values[0], ", ", values[1], ", ", values[2]); }

std::string of_shape(const PackagedModel& model) {
  std::vector<std::string> sizes{"batch"};
  for (const int64_t size : report::input_shape(model)) sizes.push_back(std::to_string(size));
  return "[" + join(sizes, ", ") + "]";
}

std::string what_it_is(const PackagedModel& model, int64_t bytes) {
  return md_table({{"", ""},
                   {"Architecture", concat("`", model.card.arch, "`")},
                   {"Parameters", in_groups(model.parameters)},
                   {"Multiply-adds for an image", in_groups(model.multiply_adds)},
                   {"Classes", in_groups(model.card.classes())},
                   {"Input", concat("`", kImagesInput, "` ", of_shape(model), ", ", report::input_type(model))},
                   {"Output", concat("`", kLogitsOutput, "` [batch, ", model.card.classes(), "], FP32: logits")},
                   {"Precision", precision_name(model.precision)},
                   {"File", concat("`", model.place().generic_string(), "`, ",
                                   format_number(static_cast<double>(bytes) / 1e6, 2), " MB")}});
}

std::string geometry(const Preprocessing& preprocessing) {
  const int side = preprocessing.eval_size;
  const std::string square = concat(side, "×", side);
  switch (preprocessing.family) {
    case PreprocessingFamily::kImagenet:
    case PreprocessingFamily::kTorchvision:
      return concat("resize it such that the short side has ", preprocessing.eval_resize, " pixels; cut ", square,
                    " out of the middle");
    case PreprocessingFamily::kReid:
    case PreprocessingFamily::kTorchvisionSquash:
      return concat(preprocessing.pad_to_square ? "add black borders that make it square; " : "", "resize it to ",
                    square, preprocessing.pad_to_square ? "" : ", whatever its aspect");
    case PreprocessingFamily::kInception:
      return concat("cut the central 87.5 % of height and width out; resize that to ", square);
  }
  return "";
}

std::string filter(const Preprocessing& preprocessing) {
  const std::string kind = preprocessing.bicubic ? "bicubic" : "bilinear";
  if (is_of_pillow(preprocessing.family)) return kind + ", antialiased, as Pillow resizes";
  return preprocessing.antialias ? kind + ", antialiased" : "plain bilinear, without antialiasing";
}

std::string preprocessing_text(const PackagedModel& model) {
  const Preprocessing& preprocessing = model.card.preprocessing;
  const std::string normalised =
      concat("subtract the mean (", colours(preprocessing.mean),
             ") from red, green and blue in 0 … 255, and divide by (", colours(preprocessing.deviation), ")");
  return concat(
      "1. Decode the image to RGB, ",
      preprocessing.apply_exif_orientation ? "turned as its EXIF tag says" : "whatever its EXIF tag says of turning",
      ".\n2. In this order: ", geometry(preprocessing), ". Resizing is ", filter(preprocessing), ".\n3. ",
      model.pixels
          ? concat("Give the bytes, row by row, red first: ", of_shape(model), ". The network itself will ", normalised)
          : concat("In floats, ", normalised, ". Colours are planes: ", of_shape(model), ", red first"),
      ".\n\n", "Probabilities are the ", model.card.loss == LossType::kSigmoid ? "sigmoids" : "softmax",
      " of the logits. `assemble`, and the examples in C and C++, do all this by themselves.\n");
}

std::string classes_text(const PackagedModel& model) {
  const ModelCard& card = model.card;
  std::vector<std::string> shown;
  for (size_t c = 0; c < std::min(kShownClasses, card.class_names.size()); ++c) {
    shown.push_back(md(shown_class(card.class_names[c])));
  }
  return concat(join(shown, ", "), card.class_names.size() > shown.size() ? ", …" : "",
                "\n\nAll of them, by output: `models/", model.name, "/", report::kLabelsFile, "`, a line each.",
                are_numbers(card.class_names) ? " Their names are numbers." : "", "\n");
}

std::string figures_text(const PackagedModel& model) {
  if (!model.figures) {
    return "Nothing was measured when this was packed. Measure it on images of your own before you rely on it:\n"
           "`assemble eval --model model.onnx --data FOLDER`.\n";
  }
  const PackagedFigures& figures = *model.figures;
  std::string text = concat("On ", in_groups(figures.images), " images (", md(model.measured_on), "):\n\n");
  text += md_table({{"top-1", "top-5", "balanced accuracy", "macro F1", "calibration error (ECE)", "loss"},
                    {percent(figures.top1), percent(figures.top5), percent(figures.balanced_accuracy),
                     percent(figures.macro_f1), format_number(figures.ece, 4), format_number(figures.loss, 4)}});
  if (model.f32_top1) text += concat("\nBefore it was brought to 8 bits, top-1 was ", percent(*model.f32_top1), ".\n");
  auto worst = figures.class_accuracy;
  std::ranges::stable_sort(worst, {}, [](const auto& c) { return c.second; });
  worst.resize(std::min(worst.size(), kWorstClasses));
  std::vector<std::string> names;
  for (const auto& [name, accuracy] : worst)
    names.push_back(concat(md(shown_class(name)), " (", percent(accuracy), ")"));
  if (!names.empty()) text += concat("\nLeast often right: ", join(names, ", "), ".\n");
  return text;
}

std::string training_text(const PackagedModel& model) {
  Rows rows{{"", ""}};
  for (const auto& [key, value] : model.card.training) {
    const bool long_one = value.size() > kLongestValue;
    rows.push_back({md(key), md(long_one ? to_utf8(value.substr(0, kLongestValue)) + " …" : value)});
  }
  return rows.size() == 1 ? "The model file says nothing of it.\n" : "As the model file says:\n\n" + md_table(rows);
}

std::string limits_text(const PackagedModel& model) {
  const ModelCard& card = model.card;
  std::string text =
      "- It gives some of these classes for every image, also for one of something else.\n"
      "- Images unlike those it was trained on (other cameras, light, angles, noise) will be answered worse than the "
      "figures say: `assemble robustness` measures that.\n";
  if (card.loss == LossType::kSigmoid)
    text += "- Probabilities are a yes or no for each class: they need not add up to 1.\n";
  const auto temperature = card.training.find(kTemperature);
  text += temperature != card.training.end()
              ? concat("- Probabilities were calibrated with a temperature of ", md(temperature->second), ".\n")
              : "- Probabilities were not calibrated: it may be surer than it is right (`assemble calibrate`).\n";
  if (model.precision == Precision::kInt8) {
    text += concat("- Weights and activations have 8 bits, with ranges measured on ",
                   model.calibration_images.value_or(0), " images: answers differ a little from those in f32.\n");
  }
  return text;
}

std::string use_text(const PackagedModel& model) {
  const std::string place = model.place().generic_string();
  return concat(
      "```sh\nassemble predict --model ", place, " photo.jpg\n```\n\nIn C and C++ (", "`examples`):\n\n```sh\n",
      "cmake -S examples -B build && cmake --build build   # -DCMAKE_PREFIX_PATH=DIR: where assemble is installed\n",
      "build/classify ", place, " photo.jpg\nbuild/predict ", place, " photo.jpg\n```\n\n",
      "OpenVINO Model Server and Triton load this folder as it is:\n\n```sh\n",
      "docker run --rm -p 9000:9000 -p 8000:8000 -v \"$PWD\":/package:ro openvino/model_server:latest \\\n",
      "  --config_path /package/config.json --port 9000 --rest_port 8000\n",
      "docker run --rm -p 8000:8000 -p 8001:8001 -v \"$PWD/models\":/models:ro tritonserver "
      "\\\n",
      "  tritonserver --model-repository=/models\n```\n\n", "Both answer KServe's protocol, `POST /v2/models/",
      model.name, "/infer` with an input `", kImagesInput, "` of the shape and type above, up to ", kServedBatch,
      " images at once, and serve the highest version. A later package's `models/", model.name,
      "/VERSION` goes beside this one's.\n");
}

}  // namespace

std::string model_card(const PackagedModel& model, int64_t network_bytes, const std::string& network_hash) {
  const std::string licence = model.data_licence.empty()
                                  ? "It was not given. Ask those whose images these were before you pass the model on."
                                  : md(model.data_licence);
  return concat(
      "# ", md(model.name), "\n\nAn image classifier of ", in_groups(model.card.classes()), " classes, ",
      precision_name(model.precision), ", for images of ", model.card.preprocessing.eval_size, "×",
      model.card.preprocessing.eval_size, " pixels.\n", section("What it is", what_it_is(model, network_bytes)),
      section("How it sees an image", preprocessing_text(model)), section("Classes", classes_text(model)),
      section("Figures", figures_text(model)), section("Training", training_text(model)),
      section("Limits", limits_text(model)), section("Licence of the data", licence + "\n"),
      section("Use", use_text(model)),
      section("How it was made", concat("By `assemble export --package`, version ", ASSEMBLE_VERSION, ", of ",
                                        md(model.source), " (SHA-256 ", model.hash, ").\n\nThe network's SHA-256 is ",
                                        network_hash, "; `sha256sum -c SHA256SUMS` checks all files.\n")));
}

}  // namespace assemble
