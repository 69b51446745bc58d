// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/eval/class_pairing.h"
#include "assemble/eval/explain.h"
#include "assemble/image/encode.h"
#include "assemble/image/shrink.h"
#include "assemble/report/report.h"
#include "common/commands.h"
#include "common/data_options.h"
#include "common/foreign_options.h"
#include "common/outputs.h"
#include "common/overlays.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kMostOnPage = 200;

/// The output that a user's word is for: a class by its name, by what people call it, or by its number.
int64_t find_output(const std::string& word, const std::vector<std::string>& names, const std::string& model) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (word == names[i]) return static_cast<int64_t>(i);
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (word == readable_name(names[i]) || word == shown_class(names[i])) return static_cast<int64_t>(i);
  }
  int64_t number = -1;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  const bool is_number = error == std::errc() && end == word.data() + word.size();
  if (is_number && number >= 0 && number < static_cast<int64_t>(names.size())) return number;
  std::vector<std::string> known;
  known.reserve(names.size());
  for (const std::string& name : names) known.emplace_back(readable_name(name).empty() ? name : readable_name(name));
  const std::string match = is_number ? "" : nearest(word, known);
  constexpr size_t kFew = 30;
  const std::string all = names.size() <= kFew ? ": " + join(known, ", ") : "";
  throw UsageError("--class", concat("'", word, "' is none of the ", names.size(), " classes of ", model, all),
                   match.empty() ? concat("give a name, or a number from 0 to ", names.size() - 1)
                                 : concat("did you mean ", match, "?"));
}

class ExplainCommand : public Subcommand {
 public:
  ExplainCommand() : Subcommand("explain", "Show where in images a network sees what speaks for a class") {}

  std::string purpose() const override {
    return "Draws Grad-CAM over images: where the last feature map speaks for a class. Of networks with selective "
           "kernels "
           "it also says how much each of their two halves weighed. Maps come as numbers with --json, and with --out "
           "as "
           "images and a page.";
  }
  std::vector<Example> examples() const override {
    return {{"For the class that each image is taken for: images and a page",
             "assemble explain --model runs/photos/best.safetensors --out explained photo.jpg holiday/"},
            {"For one class", "assemble explain --model runs/photos/best.safetensors --class rose photo.jpg"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("--model", model_file_, "Model file, or .onnx or .xml file of any program")->required();
    app.add_option("images", images_, "Image files, folders and archives")->required();
    app.add_option(
        "--class", class_,
        "Class to look for: its name, or its number from 0; without it the one that each image is taken for");
    app.add_option("--class-map", class_map_,
                   "Names of the outputs: a file in UTF-8, a line CLASS,OUTPUT; imagenet: ImageNet's synsets");
    app.add_option("--out", out_, "Folder that gets the images with the map over them, and a page: report.html");
    declare_record_files(app, files_);
    declare_foreign(app, foreign_);
  }

  void run() override {
    keep_freed_memory();
    if (!out_.empty()) check_output_folder("--out", out_, images_);
    const ImageList images(images_, files_);
    MappedModel model = open_activation_mapper(model_file_, 0, foreign_);
    if (!class_map_.empty()) {
      model.card.class_names = mapped_names(class_map_, {model.card.class_names, model_file_});
    }
    ExplainOptions options;
    if (!class_.empty()) {
      const int64_t output = find_output(class_, model.card.class_names, model_file_);
      options.class_of = [output](int64_t) { return std::optional(output); };
    }
    std::optional<OverlayFolder> overlays;
    if (!out_.empty()) {
      overlays.emplace(fs::path(out_) / "overlays", images);
      options.see = [&](int64_t image, const ExplainedPicture& picture) {
        overlays->write(image, picture.overlay);
        keep_for_page(image, picture);
      };
    }
    std::vector<std::string> names;
    for (int64_t i = 0; i < images.size(); ++i) names.push_back(images.path(i));
    const auto read = [&](int64_t i) { return images.read(i).encoded; };
    const std::vector<Explanation> explanations = explain(model, names, read, options);
    write(explanations, model, overlays);
    const auto broken = std::ranges::count_if(explanations, [](const auto& e) { return !e.error.empty(); });
    if (broken > 0) {
      throw InputError("", concat(broken, " of ", explanations.size(), " images could not be read or explained"),
                       "their errors stand in place of classes");
    }
  }

 private:
  void keep_for_page(int64_t image, const ExplainedPicture& picture) {
    constexpr int kSide = 320, kQuality = 85;
    if (static_cast<int64_t>(shown_.size()) >= kMostOnPage) return;
    shown_.push_back({image, encode_jpeg(shrunk(picture.image, kSide), kQuality),
                      encode_jpeg(shrunk(picture.overlay, kSide), kQuality)});
  }

  void write(const std::vector<Explanation>& explanations, const MappedModel& model,
             const std::optional<OverlayFolder>& overlays) {
    ordered_json json{{"model", model_file_}};
    json.update(explanations_to_json(explanations, model.mapper));
    std::string text = explanations_to_table(explanations, model.mapper);
    if (overlays) {
      for (size_t i = 0; i < explanations.size(); ++i) {
        if (!explanations[i].error.empty()) continue;
        json["explanations"][i]["overlay"] = overlays->file(static_cast<int64_t>(i)).string();
      }
      const fs::path report = fs::path(out_) / "report.html";
      make_directories(out_);
      write_file(report, explanation_report(page(explanations, model)));
      json["report"] = report.string();
      text += concat("\n", report.string(), ": the images with the map over them\n");
    }
    print(json, text);
  }

  ExplanationPage page(const std::vector<Explanation>& explanations, const MappedModel& model) const {
    const std::string method = kActivationMethods.name(model.mapper.method());
    ExplanationPage page{
        .title = concat("Where ", fs::path(model_file_).filename().string(), " looks"),
        .introduction = {concat(
            "Each image, and beside it where the network (", model.card.arch, ") sees what speaks for ",
            class_.empty() ? "the class that it takes it for" : concat("'", class_, "'"), ": the brighter, the more (",
            method,
            "). Colours are relative to the strongest place of the image. What is dark, outside the frame, the network "
            "did not see.")},
        .images = {},
        .blocks = model.mapper.blocks(),
        .half_weights = half_weights(model.mapper.blocks(), explanations)};
    if (explanations.size() > shown_.size() && shown_.size() == kMostOnPage) {
      page.introduction.push_back(concat("The first ", kMostOnPage, " images of ", explanations.size(),
                                         "; the others are in the folder overlays."));
    }
    for (const auto& [image, encoded, overlay] : shown_) {
      page.images.push_back({explanations[static_cast<size_t>(image)], encoded, overlay});
    }
    return page;
  }

  struct Shown {
    int64_t image;
    Bytes encoded, overlay;
  };

  std::string model_file_, class_, class_map_, out_;
  std::vector<std::string> images_;
  RecordFiles files_;
  ForeignModelOptions foreign_;
  std::vector<Shown> shown_;
};

}  // namespace

std::unique_ptr<Subcommand> make_explain_command() { return std::make_unique<ExplainCommand>(); }

}  // namespace assemble::cli
