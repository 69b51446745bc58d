// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>

#include "assemble/cli/command.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/open_images.h"
#include "assemble/eval/predict.h"
#include "inference.h"
#include "numbers.h"

namespace assemble::cli {
namespace {

class PredictCommand : public Command {
 public:
  std::string name() const override { return "predict"; }
  std::string summary() const override { return "Classify image files and folders"; }

  void declare(CLI::App& app) override {
    app.add_option("--model", inference_.model, "Model file, or .onnx file of `assemble export`")->required();
    app.add_option("images", images_, "Image files, folders and archives")->required();
    app.add_option("--top", options_.top, "Classes to name for each image")->transform(at_least(1));
    app.add_option("--format", format_, "table, json or csv")->check(CLI::IsMember({"table", "json", "csv"}));
    app.add_option("--batch-size", options_.batch_size, "Images a batch")->transform(at_least(1));
    inference_.declare(app);
  }

  void run() override {
    const ImageList images(images_);
    std::vector<std::string> names;
    for (int64_t i = 0; i < images.size(); ++i) names.push_back(images.path(i));
    options_.batch_size = std::min(options_.batch_size, images.size());
    const LoadedModel model = load_for_inference(inference_, options_.batch_size);
    const auto read = [&](int64_t i) { return images.read(i).encoded; };
    const std::vector<Prediction> predictions = predict(model.network, model.card, names, read, options_);
    if (!json && format_ == "csv") {
      std::cout << predictions_to_csv(predictions) << std::flush;
    } else {
      json = json || format_ == "json";
      print(predictions_to_json(predictions), predictions_to_table(predictions));
    }
    const auto broken = std::count_if(predictions.begin(), predictions.end(),
                                      [](const Prediction& prediction) { return !prediction.error.empty(); });
    if (broken > 0) {
      throw InputError("", concat(broken, " of ", predictions.size(), " images could not be read or classified"),
                       "their errors stand in place of classes");
    }
  }

 private:
  InferenceOptions inference_;
  std::vector<std::string> images_;
  std::string format_ = "table";
  PredictOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_predict_command() { return std::make_unique<PredictCommand>(); }

}  // namespace assemble::cli
