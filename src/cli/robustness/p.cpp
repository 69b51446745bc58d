// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/derived_folder.h"
#include "assemble/eval/perturbation_robustness.h"
#include "common/choice_option.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "robustness/robustness.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

/// A network whose figures others are divided by: a result, or a model to measure.
struct GivenStability {
  std::optional<PerturbationBaseline> result;
  std::optional<LoadedNetwork> network;
};

class PerturbationMeasure : public Subcommand {
 public:
  PerturbationMeasure() : Subcommand("p", "mFR and mT5D: stability under perturbation sequences (ImageNet-P)") {}

  std::string purpose() const override {
    return "Measures how often the answer flips while an image changes a little from frame to frame: the mean flip "
           "rate (mFR) and the distance of the top five (mT5D) of ImageNet-P.";
  }
  std::vector<Example> examples() const override {
    return {{"Measure it",
             "assemble robustness p --model runs/photos/best.safetensors --data photos --out robust/photos-p"}};
  }

  void declare(CLI::App& app) override {
    network_.declare(app);
    app.add_option("--data", data_, "A set of sequences (KIND/…/NAME.mp4 or frames), or clean data to perturb")
        ->required();
    reading_.declare(app);
    add_choice(app, "--split", split_, kSplits, "Part of the data set");
    app.add_option("--out", out_, "Folder for result.json, report.html and state.json, from which it goes on");
    app.add_option("--baseline", baseline_, "result.json of a run, or a model file, in AlexNet's place");
    app.add_option("--kinds", options_.kinds, "Which, separated by commas")->delimiter(',');
    app.add_option("--images", images_, "Sequences a kind, spread evenly over the set; 0: all")->transform(at_least(0));
    app.add_option("--resize", resize_, "Short side before the sequence is made, pixels; -1: the model's, 0: as it is")
        ->transform(side(-1));
    app.add_option("--crop", crop_, "Side of the frames, pixels; -1: the model's")->transform(side(-1));
    app.add_option("--seed", options_.seed, "Seed of the perturbations")->transform(seed());
  }

  void run() override {
    if (!out_.empty()) check_output_folder("--out", out_, {data_});
    for (const std::string& kind : options_.kinds) check_perturbation(kind);
    const LoadedNetwork network(network_.inference.model, network_);
    options_.resize = resize_ >= 0 ? resize_ : network.card().preprocessing.eval_resize;
    options_.crop = crop_ > 0 ? crop_ : network.card().preprocessing.eval_size;
    options_.exif = network.card().preprocessing.exif();
    if (options_.kinds.empty()) throw UsageError("robustness p", "nothing to do: no kinds");
    if (!reading_.as && read_as_corrupted(data_) == Reading::kStored) {
      throw InputError(data_, "holds corrupted images", "measure them with 'assemble robustness c'");
    }
    stored_ = reading_.is_stored(data_, !reading_.as ? read_as_sequences(data_) : Reading::kClean,
                                 "a stored set of sequences");
    if (!stored_) {
      dataset_ = open_dataset(data_, split_, rule_of(network_.pairing), network_.files);
      network.check_classes(*dataset_);
    }
    find_missing();
    if (stored_) stored_side_ = stored_side();
    if (!out_.empty()) check_outside(out_, data_);
    const GivenStability given = open_baseline(network);
    const PerturbationResults results = measure(network, out_);
    const PerturbationBaseline baseline = make_baseline(given);
    find_gaps(results);
    warn_of_lacking(results, baseline);
    report(network, results, baseline);
  }

 private:
  void find_missing() {
    for (const std::string& kind : options_.kinds) {
      if (stored_ && !fs::is_directory(part_folder(data_, kind))) missing_.push_back(kind);
    }
    if (missing_.empty()) return;
    if (missing_.size() == options_.kinds.size()) {
      throw InputError(data_, "has none of the folders " + join(missing_, ", "), "make them with 'assemble perturb'");
    }
    log_warning(concat(data_, ": folders are missing, results are partial: ", join(missing_, ", ")));
  }

  ordered_json making() const {
    if (!stored_) {
      return {{"from", "made while measuring"}, {"folder", dataset_->where()}, {"resize", options_.resize},
              {"crop", options_.crop},          {"seed", options_.seed},       {"images", images_}};
    }
    const fs::path manifest = fs::path(data_) / kPerturbSetManifest;
    ordered_json json{{"from", "stored set"}, {"folder", data_}, {"images", images_}};
    if (fs::exists(manifest)) json["made"] = read_result(manifest.string());
    return json;
  }

  PerturbationResults measure(const LoadedNetwork& network, const fs::path& out) const {
    PerturbationResults results;
    ordered_json settings{{"network", network.identity()}, {"images", making()}};
    if (dataset_) settings.update({{"split", split_name(split_)}, {"count", dataset_->size()}});
    const RunState state(out, settings);
    if (!state.results().is_null()) results = perturbation_results_from_json(state.results(), state.where());
    for (const std::string& kind : options_.kinds) {
      const bool absent = std::find(missing_.begin(), missing_.end(), kind) != missing_.end();
      if (absent || results.contains(kind)) continue;
      const auto sequences = stored_ ? open_sequences(data_, kind) : make_sequences(*dataset_, kind, options_);
      results[kind] = measure_perturbation(network.measured(), kind, *sequences, images_);
      state.store(to_json(results));
    }
    return results;
  }

  /// Reads it before the work, so that a wrong one is not met after it.
  GivenStability open_baseline(const LoadedNetwork& network) const {
    GivenStability given;
    if (baseline_.empty()) {
      if (network.card().classes() < 1000) {
        log_warning("AlexNet's flip probabilities are those of ImageNet: on other data give --baseline");
      }
      given.result = alexnet_perturbation_baseline();
    } else if (is_model_file(baseline_)) {
      given.network.emplace(baseline_, network_);
      if (dataset_) given.network->check_classes(*dataset_);
    } else {
      const ordered_json result = read_result(baseline_);
      if (result.contains("images") && result["images"] != making()) {
        log_warning(
            concat(baseline_, ": its sequences were made in another way, so the ratios compare different ones"));
      }
      given.result =
          baseline_of(perturbation_results_from_json(result.value("measured", ordered_json()), baseline_), baseline_);
    }
    return given;
  }

  PerturbationBaseline make_baseline(const GivenStability& given) const {
    if (given.result) return *given.result;
    return baseline_of(measure(*given.network, out_.empty() ? fs::path() : fs::path(out_) / "baseline"), baseline_);
  }

  static void warn_of_lacking(const PerturbationResults& results, const PerturbationBaseline& baseline) {
    std::vector<std::string> lacking;
    for (const auto& [kind, result] : results) {
      const auto found = baseline.flip_probabilities.find(kind);
      if (found == baseline.flip_probabilities.end() || found->second == 0) lacking.push_back(kind);
    }
    if (lacking.empty()) return;
    log_warning(concat("the baseline ", baseline.name, " has no flips to divide by for ", join(lacking, ", "),
                       ": no flip rate of these, and no mFR over them"));
  }

  /// Side of the first frame of a stored set; nothing when it cannot be read.
  std::optional<int> stored_side() const {
    try {
      for (const std::string& kind : options_.kinds) {
        if (fs::is_directory(part_folder(data_, kind))) return open_sequences(data_, kind)->read(0).front().height;
      }
    } catch (const InputError&) {
      // Measuring says what is wrong with the sequence.
    }
    return std::nullopt;
  }

  /// Kinds with fewer sequences than others.
  void find_gaps(const PerturbationResults& results) {
    int64_t most = 0;
    for (const auto& [kind, result] : results) most = std::max(most, result.sequences);
    std::vector<std::string> fewer;
    for (const auto& [kind, result] : results) {
      if (result.sequences < most) fewer.push_back(concat(kind, ": ", result.sequences, " of ", most, " sequences"));
    }
    if (fewer.empty()) return;
    log_warning(concat(data_, ": not all were measured on as many sequences: ", join(fewer, ", ")));
    missing_.insert(missing_.end(), fewer.begin(), fewer.end());
  }

  void report(const LoadedNetwork& network, const PerturbationResults& results,
              const PerturbationBaseline& baseline) const {
    const PerturbationScores scores = score_perturbations(results, baseline);
    if (stored_side_) warn_of_resizing(data_, *stored_side_, network.card().preprocessing.eval_size);
    ordered_json json{{"measure", "perturbations"},
                      {"network", network_.inference.model},
                      {"arch", network.card().arch},
                      {"input_size", network.card().preprocessing.eval_size},
                      {"baseline", baseline.name},
                      {"mfr", number_or_null(scores.mfr)},
                      {"mt5d", number_or_null(scores.mt5d)},
                      {"unnormalised_fr", number_or_null(scores.unnormalised_fr)},
                      {"unnormalised_t5d", number_or_null(scores.unnormalised_t5d)},
                      {"image_size", stored_side_ ? ordered_json(*stored_side_) : ordered_json(nullptr)},
                      {"partial", !missing_.empty() || !scores.unnormalised_fr},
                      {"missing", missing_},
                      {"flip_rates", scores.flip_rates},
                      {"t5d", scores.t5d},
                      {"images", making()},
                      {"measured", to_json(results)},
                      {"date", timestamp()},
                      {"version", ASSEMBLE_VERSION}};
    write_run(out_, json);
    std::vector<std::vector<std::string>> rows{
        {"kind", "sequences", "flips %", "flip rate %", "top-5 distance", "T5D %"}};
    const auto ratio = [](const std::map<std::string, double>& values, const std::string& kind) {
      const auto found = values.find(kind);
      return found == values.end() ? "-" : format_number(found->second, 2);
    };
    for (const std::string& kind : perturbation_names()) {
      const auto found = results.find(kind);
      if (found == results.end()) continue;
      rows.push_back({kind, std::to_string(found->second.sequences),
                      format_number(100 * found->second.flip_probability, 2), ratio(scores.flip_rates, kind),
                      format_number(found->second.top5_distance, 4), ratio(scores.t5d, kind)});
    }
    std::string text =
        format_table(rows) + "\n" +
        format_table({{"mFR %", "mT5D %", "un-normalised flips %", "un-normalised T5D"},
                      {number_or_dash(scores.mfr, 2), number_or_dash(scores.mt5d, 2),
                       number_or_dash(scores.unnormalised_fr, 2), number_or_dash(scores.unnormalised_t5d, 4)}});
    text += concat("\nInput size: ", network.card().preprocessing.eval_size, "\nBaseline: ", baseline.name,
                   "\nSequences: ", json_text(making()), "\n");
    if (!scores.unnormalised_fr) {
      text += concat("No mFR: it is over ", kOfficialPerturbations, " kinds, and not all of them were measured\n");
    }
    if (!missing_.empty()) text += concat("PARTIAL: missing ", join(missing_, ", "), "\n");
    print(json, text);
  }

  NetworkOptions network_;
  PerturbSetOptions options_;
  DataReading reading_;
  std::optional<int> stored_side_;
  std::unique_ptr<Dataset> dataset_;
  std::vector<std::string> missing_;
  std::string data_;
  Split split_ = Split::kValidation;
  std::string out_;
  std::string baseline_;
  bool stored_ = false;
  int64_t images_ = 0;
  int resize_ = -1;
  int crop_ = -1;
};

}  // namespace

std::unique_ptr<Subcommand> make_perturbation_measure() { return std::make_unique<PerturbationMeasure>(); }

}  // namespace assemble::cli
