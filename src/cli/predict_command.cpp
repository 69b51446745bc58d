// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>

#include "assemble/cli/command.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/image_folder.h"
#include "assemble/eval/predict.h"
#include "assemble/nn/autocast.h"

namespace assemble::cli {
namespace {

class PredictCommand : public Command {
 public:
  std::string name() const override { return "predict"; }
  std::string summary() const override { return "Classify image files and folders"; }

  void declare(CLI::App& app) override {
    app.add_option("--model", model_, "Model file")->required();
    app.add_option("images", images_, "Image files and folders")->required();
    app.add_option("--top", options_.top, "Classes to name for each image")->check(CLI::PositiveNumber);
    app.add_option("--format", format_, "table, json or csv")->check(CLI::IsMember({"table", "json", "csv"}));
    app.add_option("--batch-size", options_.batch_size, "Images a batch")->check(CLI::PositiveNumber);
    app.add_option("--device", device_, "auto, cpu, cuda or cuda:N");
    app.add_option("--threads", threads_, "Threads of the network on the CPU; 0: every core");
  }

  void run() override {
    if (threads_ > 0) torch::set_num_threads(threads_);
    options_.device = parse_device(device_);
    ModelCard card;
    const Classifier model = load_model(model_, &card);
    model->to(options_.device);
    std::vector<fs::path> files;
    for (const std::string& image : images_) {
      const std::vector<fs::path> found = find_images(image);
      files.insert(files.end(), found.begin(), found.end());
    }
    const std::vector<Prediction> predictions = predict(*model, card, files, options_);
    if (!json && format_ == "csv") {
      std::cout << predictions_to_csv(predictions) << std::flush;
    } else {
      json = json || format_ == "json";
      print(predictions_to_json(predictions), predictions_to_table(predictions));
    }
    const auto broken = std::count_if(predictions.begin(), predictions.end(),
                                      [](const Prediction& prediction) { return !prediction.error.empty(); });
    if (broken > 0) {
      throw InputError("", concat(broken, " of ", predictions.size(), " images could not be read"),
                       "the others were classified");
    }
  }

 private:
  std::string model_;
  std::vector<std::string> images_;
  std::string format_ = "table";
  std::string device_ = "auto";
  int threads_ = 0;
  PredictOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_predict_command() { return std::make_unique<PredictCommand>(); }

}  // namespace assemble::cli
