// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "common/choice_option.h"
#include "common/numbers.h"
#include "robustness/robustness.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

class ShiftMeasure : public Subcommand {
 public:
  explicit ShiftMeasure(const Hooks& hooks)
      : Subcommand("shift", "Agreement of predictions under diagonal shifts of the crop"), hooks_(hooks) {}

  std::string purpose() const override {
    return "Measures how often the answer stays when the crop moves by some pixels, which blur pooling (aa) is for.";
  }
  std::vector<Example> examples() const override {
    return {{"Measure it", "assemble robustness shift --model runs/photos/best.safetensors --data photos"},
            {"Several models side by side",
             "assemble robustness shift runs/photos/best.safetensors runs/own/best.safetensors --data photos"}};
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
    network_.sharing.run(hooks_, [&](Exchange& ranks) { measure_all(ranks); });
  }

 private:
  void measure_all(Exchange& ranks) {
    network_.sharing.share_machine(hooks_, network_.inference, network_.loader.threads);
    const std::vector<LoadedNetwork> networks = load_networks(network_);
    const auto dataset = open_dataset(data_, split_, rule_of(network_.pairing), network_.files);
    for (const LoadedNetwork& network : networks) network.check_classes(*dataset);
    require_same_work(ranks, app(), networks, dataset.get());
    std::vector<ordered_json> results;
    for (const LoadedNetwork& network : networks) {
      results.push_back(measure(network, *dataset, ranks));
      if (networks.size() > 1) results.back()["evaluated"] = evaluated(network);
    }
    if (!ranks.is_first()) return;
    if (results.size() > 1) {
      return print(several_results(results), comparable_table(results, {{"largest_shift", "largest shift"},
                                                                        {"shift_consistency", "shift consistency %"}}));
    }
    const ordered_json& result = results.front();
    print(result, format_table({{"images", "largest shift", "shift consistency %"},
                                {result["images"].dump(), result["largest_shift"].dump(),
                                 format_number(100 * result["shift_consistency"].get<double>(), 2)}}));
  }

  ordered_json measure(const LoadedNetwork& network, const Dataset& dataset, Exchange& ranks) const {
    MeasuredEnsemble measured = network.measured();
    for (EnsembleMember& member : measured.members) {
      if (resize_ > 0) member.preprocessing.eval_resize = resize_;
    }
    const ShiftConsistency found = measure_shift_consistency(measured, dataset, shifts_, ranks);
    ordered_json result{{"measure", "shift"},
                        {"network", network.name()},
                        {"images", found.images},
                        {"input_size", measured.members.front().preprocessing.eval_size},
                        {"largest_shift", found.largest_shift},
                        {"shift_consistency", found.consistency},
                        {"agreement", found.agreement}};
    if (const ordered_json averaged = network.averaged(); !averaged.is_null()) result["averaged"] = averaged;
    return result;
  }

  ordered_json evaluated(const LoadedNetwork& network) const {
    ordered_json evaluated = network.evaluated();
    if (resize_ > 0) evaluated["resize"] = resize_;
    return evaluated;
  }

  Hooks hooks_;
  NetworkOptions network_;
  std::string data_;
  Split split_ = Split::kValidation;
  int shifts_ = 0;
  int resize_ = 0;
};

}  // namespace

std::unique_ptr<Subcommand> make_shift_measure(const Hooks& hooks) { return std::make_unique<ShiftMeasure>(hooks); }

}  // namespace assemble::cli
