// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/eval/perturbation_robustness.h"
#include "common/choice_option.h"
#include "common/numbers.h"
#include "robustness/robustness.h"

namespace assemble::cli {
namespace {

class ShiftMeasure : public Subcommand {
 public:
  ShiftMeasure() : Subcommand("shift", "Agreement of predictions under diagonal shifts of the crop") {}

  std::string purpose() const override {
    return "Measures how often the answer stays when the crop moves by some pixels, which blur pooling (aa) is for.";
  }
  std::vector<Example> examples() const override {
    return {{"Measure it", "assemble robustness shift --model runs/photos/best.safetensors --data photos"}};
  }

  void declare(CLI::App& app) override {
    network_.declare(app);
    app.add_option("--data", data_, "Data set: folders of classes, or TFRecords")->required();
    add_choice(app, "--split", split_, kSplits, "Part of the data set");
    app.add_option("--shifts", shifts_,
                   "Pixels between the first and the last crop; 0: all there is room for, at most 32")
        ->transform(at_least(0));
    app.add_option("--resize", resize_, "Short side before the crops, pixels; 0: the model's")->transform(side(0));
  }

  void run() override {
    const LoadedNetwork network(network_.inference.model, network_);
    const auto dataset = open_dataset(data_, split_, rule_of(network_.pairing), network_.files);
    network.check_classes(*dataset);
    MeasuredNetwork measured = network.measured();
    if (resize_ > 0) measured.loader.preprocessing.eval_resize = resize_;
    const ShiftConsistency result = measure_shift_consistency(measured, *dataset, shifts_);
    print({{"measure", "shift"},
           {"network", network_.inference.model},
           {"images", result.images},
           {"input_size", measured.loader.preprocessing.eval_size},
           {"largest_shift", result.largest_shift},
           {"shift_consistency", result.consistency},
           {"agreement", result.agreement}},
          format_table({{"images", "largest shift", "shift consistency %"},
                        {std::to_string(result.images), std::to_string(result.largest_shift),
                         format_number(100 * result.consistency, 2)}}));
  }

 private:
  NetworkOptions network_;
  std::string data_;
  Split split_ = Split::kValidation;
  int shifts_ = 0;
  int resize_ = 0;
};

}  // namespace

std::unique_ptr<Subcommand> make_shift_measure() { return std::make_unique<ShiftMeasure>(); }

}  // namespace assemble::cli
