// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/deploy/calibrated_file.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/temperature.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/data_options.h"
#include "common/inference.h"
#include "common/numbers.h"
#include "common/outputs.h"

namespace assemble::cli {
namespace {

class CalibrateCommand : public Subcommand {
 public:
  CalibrateCommand()
      : Subcommand("calibrate", "Make a model as sure as it is right: fit a temperature, keep it in the file") {}

  void declare(CLI::App& app) override {
    app.add_option("--model", inference_.model, "Model file")->required();
    app.add_option("--data", data_, "Data set whose images the model was not trained on")->required();
    app.add_option("--out", out_, "Model file to write")->required();
    add_choice(app, "--split", split_, kSplits, "Part of the data set");
    app.add_option("--batch-size", loader_.batch_size, "Images a batch")->transform(at_least(1));
    inference_.declare(app);
    app.add_option("--loader-threads", loader_.threads, "Threads that decode; 0: every core")
        ->transform(thread_count());
    app.add_option("--max-broken", loader_.max_broken, "Unreadable images before it gives up")->transform(at_least(0));
    declare_record_files(app, files_);
    declare_pairing(app, pairing_);
    declare_competition(app, pairing_);
  }

  void run() override {
    keep_freed_memory();
    prepare_output_file("--out", out_, {inference_.model, data_});
    require_calibratable(inference_.model);
    const auto dataset = open_dataset(data_, split_, rule_of(pairing_), files_);
    const LoadedModel model = load_for_inference(inference_, loader_.batch_size);
    const ClassPairing pairing({model.card.class_names, inference_.model}, {dataset->class_names(), data_}, pairing_);
    if (!pairing.same()) log_info(pairing.to_text());
    const PairedDataset paired(*dataset, pairing);
    loader_.preprocessing = model.card.preprocessing;
    Loader loader(paired, loader_);
    Matrix logits;
    std::vector<int64_t> labels;
    evaluate_part(pairing.measured(model.network), pairing.measured(outputs_of(model.card, inference_.model)), loader,
                  "evaluating", NotFinite::kError, [&](const Batch& batch, const Matrix& of_batch) {
                    logits.append(of_batch);
                    labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
                  });
    warn_of_broken(loader);
    const LossType loss = model.card.loss;
    const double temperature = fit_temperature(logits, labels, loss);
    const Calibration before = measure_calibration(logits, labels, loss);
    const Calibration after = cross_fitted(logits, labels, loss);
    if (temperature < 1.001 * kLeastTemperature || temperature > 0.999 * kMostTemperature) {
      log_warning(
          "the temperature is at the end of what is looked for: were the images in the training, or are the "
          "answers next to random?");
    }
    write_calibrated(inference_.model, out_, temperature);
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
  InferenceOptions inference_;
  std::string data_, out_;
  Split split_ = Split::kValidation;
  RecordFiles files_;
  PairingOptions pairing_;
  LoaderOptions loader_;
};

}  // namespace

std::unique_ptr<Subcommand> make_calibrate_command() { return std::make_unique<CalibrateCommand>(); }

}  // namespace assemble::cli
