// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/open_images.h"
#include "assemble/eval/explain.h"
#include "assemble/eval/predict.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/data_options.h"
#include "common/ensemble.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "common/overlays.h"

namespace assemble::cli {
namespace {

enum class Format { kTable, kJson, kCsv };
constexpr auto kFormats =
    choices<Format>("format", {{Format::kTable, "table"}, {Format::kJson, "json"}, {Format::kCsv, "csv"}});

class PredictCommand : public Subcommand {
 public:
  PredictCommand() : Subcommand("predict", "Classify image files and folders") {}

  std::string purpose() const override {
    return "Says what is on photos: the most probable classes of each image, by a model file of `assemble train` or by "
           "an .onnx or .xml file of any program. Images are files, folders or archives; one that cannot be read gets "
           "an error in place of "
           "its classes, and the exit status is then 3.";
  }
  std::vector<Example> examples() const override {
    return {{"Classify a photo and all photos of a folder",
             "assemble predict --model runs/photos/best.safetensors photo.jpg holiday/"},
            {"The three most probable classes as a table for programs",
             "assemble predict --model runs/photos/best.safetensors holiday/ --top 3 --format csv"}};
  }

  void declare(CLI::App& app) override {
    models_.declare(app);
    app.add_option("images", images_, "Image files, folders and archives")->required();
    app.add_option("--top", options_.top, "Classes to name for each image")->transform(at_least(1));
    add_choice(app, "--format", format_, kFormats, "How the result is written");
    app.add_option("--batch-size", options_.batch_size, "Images a batch")->transform(at_least(1));
    app.add_option("--class-map", class_map_,
                   "Names of the outputs: a file in UTF-8, a line CLASS,OUTPUT; imagenet: ImageNet's synsets");
    app.add_option("--explain", explain_,
                   "Folder that gets each image with what spoke for its most probable class over it: see `explain`");
    inference_.declare(app);
    declare_record_files(app, files_);
  }

  void run() override {
    if (!explain_.empty()) check_output_folder("--explain", explain_, images_);
    const ImageList images(images_, files_);
    std::vector<std::string> names;
    for (int64_t i = 0; i < images.size(); ++i) names.push_back(images.path(i));
    options_.batch_size = std::min(options_.batch_size, images.size());
    std::optional<MappedModel> mapped;
    if (!explain_.empty()) {
      if (models_.models.size() > 1) {
        throw UsageError("--explain", "looks into one network, there are several", "give one --model");
      }
      mapped.emplace(open_activation_mapper(models_.models.front(), 0, inference_.foreign));
    }
    const LoadedEnsemble models = load_ensemble(models_, inference_, options_.batch_size);
    std::vector<std::string> classes = models.card.class_names;
    if (!class_map_.empty()) classes = mapped_names(class_map_, {classes, models_.models.front()});
    options_.views = models_.views;
    const auto read = [&](int64_t i) { return images.read(i).encoded; };
    const std::vector<Prediction> predictions = predict(models.members, classes, names, read, options_);
    if (mapped) explain_all(*mapped, images, names, predictions);
    write(predictions);
    const auto broken = std::count_if(predictions.begin(), predictions.end(),
                                      [](const Prediction& prediction) { return !prediction.error.empty(); });
    if (broken > 0) {
      throw InputError("", concat(broken, " of ", predictions.size(), " images could not be read or classified"),
                       "their errors stand in place of classes");
    }
  }

 private:
  /// Overlays of the images that were classified, for their most probable classes.
  void explain_all(MappedModel& model, const ImageList& images, const std::vector<std::string>& names,
                   const std::vector<Prediction>& predictions) {
    const OverlayFolder folder(explain_, images);
    overlays_.resize(predictions.size());
    ExplainOptions options;
    options.class_of = [&](int64_t i) -> std::optional<int64_t> {
      const Prediction& prediction = predictions[static_cast<size_t>(i)];
      return prediction.error.empty() ? std::optional(prediction.classes.front().label) : std::nullopt;
    };
    options.see = [&](int64_t i, const ExplainedPicture& picture) {
      folder.write(i, picture.overlay);
      overlays_[static_cast<size_t>(i)] = folder.file(i).string();
    };
    explain(
        model, names, [&](int64_t i) { return images.read(i).encoded; }, options);
  }

  nlohmann::ordered_json to_json(const std::vector<Prediction>& predictions) const {
    nlohmann::ordered_json json = predictions_to_json(predictions);
    for (size_t i = 0; i < overlays_.size(); ++i) {
      if (!overlays_[i].empty()) json["predictions"][i]["overlay"] = overlays_[i];
    }
    return json;
  }

  void write(const std::vector<Prediction>& predictions) const {
    if (output().json || format_ == Format::kJson) {
      nlohmann::ordered_json json = to_json(predictions);
      if (models_.averages()) json["averaged"] = models_.to_json();
      return output().print_json(json);
    }
    if (format_ == Format::kCsv) {
      if (models_.averages()) log_info(models_.to_text());
      return output().print_text(predictions_to_csv(predictions));
    }
    output().print_text(predictions_to_table(predictions) +
                        (models_.averages() ? "\n" + models_.to_text() + "\n" : ""));
  }

  EnsembleOptions models_;
  InferenceOptions inference_;
  std::vector<std::string> images_;
  std::string class_map_, explain_;
  std::vector<std::string> overlays_;  ///< files, by image; empty: it was not explained
  RecordFiles files_;
  Format format_ = Format::kTable;
  PredictOptions options_;
};

}  // namespace

std::unique_ptr<Subcommand> make_predict_command() { return std::make_unique<PredictCommand>(); }

}  // namespace assemble::cli
