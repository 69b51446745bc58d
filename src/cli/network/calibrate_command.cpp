// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/deploy/calibrated_file.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/eval/temperature.h"
#include "common/commands.h"
#include "common/evaluation.h"
#include "common/outputs.h"

namespace assemble::cli {
namespace {

class CalibrateCommand : public Subcommand {
 public:
  CalibrateCommand()
      : Subcommand("calibrate", "Make a model as sure as it is right: fit a temperature, keep it in the file") {}

  std::string purpose() const override {
    return "Fits one number, the temperature by which logits are divided, so that of the answers with 80 % probability "
           "80 % are right. It is kept in the model file that is written, or in the .toml file beside a network of "
           "another program; the order of the classes stays. Take images that the model was not trained on.";
  }
  std::vector<Example> examples() const override {
    return {{"Write a calibrated copy of a model",
             "assemble calibrate --model runs/photos/best.safetensors --data photos --out calibrated.safetensors"},
            {"Calibrate another program's network: its .toml file gets the temperature",
             "assemble calibrate --model network.onnx --data photos"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("--model", model_, "Model file, or .onnx or .xml file of another program")->required();
    app.add_option("--data", options_.data, "Data set whose images the model was not trained on")->required();
    app.add_option("--out", out_, "Model file to write; not for other programs' networks");
    options_.declare(app);
  }

  void run() override {
    keep_freed_memory();
    choose_output();
    const auto dataset = options_.open();
    const PairedModels model = load_paired(options_, {.models = {model_}}, *dataset);
    Matrix logits;
    std::vector<int64_t> labels;
    evaluate_paired(options_, *dataset, model, "evaluating", [&](const Batch& batch, const Matrix& of_batch) {
      logits.append(of_batch);
      labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
    });
    const LossType loss = model.card.loss;
    const double temperature = fit_temperature(logits, labels, loss);
    const Calibration before = measure_calibration(logits, labels, loss);
    const Calibration after = cross_fitted(logits, labels, loss);
    if (after.loss > before.loss) {
      log_warning(
          "the temperature of one half of the images makes the other half's loss larger: there are too few of them");
    }
    if (temperature < 1.001 * kLeastTemperature || temperature > 0.999 * kMostTemperature) {
      log_warning(
          "the temperature is at the end of what is looked for: were the images in the training, or are the "
          "answers next to random?");
    }
    if (is_foreign_) {
      keep_beside(temperature);
    } else {
      write_calibrated(model_, out_, temperature);
    }
    print({{"images", labels.size()},
           {"temperature", temperature},
           {"ece_before", before.ece},
           {"ece_after", after.ece},
           {"loss_before", before.loss},
           {"loss_after", after.loss},
           {"out", out_}},
          format_table({{"images", "temperature", "ECE before", "after", "loss before", "after"},
                        {concat(labels.size()), format_number(temperature, 3), format_number(before.ece, 4),
                         format_number(after.ece, 4), format_number(before.loss, 4), format_number(after.loss, 4)}}) +
              concat("\nAfter: each half of the images under the temperature of the other. No class changes.\nModel: ",
                     out_, "\n"));
  }

 private:
  void choose_output() {
    is_foreign_ = is_foreign(model_);
    if (!is_foreign_) {
      if (out_.empty()) throw UsageError("--out", "is needed: the model file to write");
      prepare_output_file("--out", out_, {model_, options_.data});
      return require_calibratable(model_);
    }
    const std::string beside = foreign_options_file(model_).string();
    if (!out_.empty() && out_ != beside) {
      throw UsageError("--out", concat("is not for ", model_, ", whose temperature goes into ", beside),
                       "leave it out");
    }
    out_ = beside;
  }

  /// In the file of options, with those that were given here where there is no such file yet.
  void keep_beside(double temperature) const {
    const double earlier = foreign_options(model_, options_.inference.foreign).temperature.value_or(1);
    ForeignModelOptions kept{.temperature = earlier * temperature};
    if (!fs::exists(out_)) kept = kept.or_else(options_.inference.foreign);
    set_foreign_keys(model_, kept.to_keys(fs::absolute(out_).parent_path()));
  }

  EvaluationOptions options_;
  std::string model_, out_;
  bool is_foreign_ = false;
};

}  // namespace

std::unique_ptr<Subcommand> make_calibrate_command() { return std::make_unique<CalibrateCommand>(); }

}  // namespace assemble::cli
