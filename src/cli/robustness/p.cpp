// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/derived_folder.h"
#include "assemble/data/remembered.h"
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

/// Networks that look at the same frames.
struct SequenceGroup {
  PerturbSetOptions options;
  ordered_json making;                ///< how they are made, for people and for telling results apart
  std::vector<size_t> networks = {};  ///< their places among those that are measured
  GivenStability given = {};
  std::vector<PerturbationResults> results = {};  ///< of each, then of the baseline where it is measured
};

class PerturbationMeasure : public Subcommand {
 public:
  explicit PerturbationMeasure(const Hooks& hooks)
      : Subcommand("p", "mFR and mT5D: stability under perturbation sequences (ImageNet-P)"), hooks_(hooks) {}

  std::string purpose() const override {
    return "Measures how often the answer flips while an image changes a little from frame to frame: the mean flip "
           "rate (mFR) and the distance of the top five (mT5D) of ImageNet-P.";
  }
  std::vector<Example> examples() const override {
    return {{"Measure it",
             "assemble robustness p --model runs/photos/best.safetensors --data photos --out robust/photos-p"},
            {"Several models side by side",
             "assemble robustness p runs/photos/best.safetensors runs/own/best.safetensors --data photos"}};
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
    network_.sharing.run(hooks_, [&](Exchange& ranks) { measure_all(ranks); });
  }

 private:
  void measure_all(Exchange& ranks) {
    if (!ranks.is_first()) out_.clear();  // the folder is rank 0's
    if (!out_.empty()) check_output_folder("--out", out_, {data_});
    for (const std::string& kind : options_.kinds) check_perturbation(kind);
    network_.sharing.share_machine(hooks_, network_.inference, network_.loader.threads);
    networks_ = load_networks(network_);
    if (options_.kinds.empty()) throw UsageError("robustness p", "nothing to do: no kinds");
    if (!reading_.as && read_as_corrupted(data_) == Reading::kStored) {
      throw InputError(data_, "holds corrupted images", "measure them with 'assemble robustness c'");
    }
    stored_ = reading_.is_stored(data_, !reading_.as ? read_as_sequences(data_) : Reading::kClean,
                                 "a stored set of sequences");
    if (!stored_) {
      dataset_ = open_dataset(data_, split_, rule_of(network_.pairing), network_.files);
      for (const LoadedNetwork& network : networks_) network.check_classes(*dataset_);
    }
    require_same_work(ranks, app(), networks_, dataset_.get());
    find_missing();
    require_same(ranks, {{"missing", join(missing_, " ")}});
    if (stored_) stored_side_ = stored_side();
    if (!out_.empty()) check_outside(out_, data_);
    std::vector<SequenceGroup> groups = groups_of_same_frames();
    for (SequenceGroup& group : groups) group.given = open_baseline(group);
    for (SequenceGroup& group : groups) measure(group, ranks);
    if (ranks.is_first()) report(groups);
  }

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

  PerturbSetOptions options_for(const LoadedNetwork& network) const {
    PerturbSetOptions options = options_;
    options.resize = resize_ >= 0 ? resize_ : network.card().preprocessing.eval_resize;
    options.crop = crop_ > 0 ? crop_ : network.card().preprocessing.eval_size;
    options.exif = network.card().preprocessing.exif();
    return options;
  }

  std::vector<SequenceGroup> groups_of_same_frames() const {
    std::vector<SequenceGroup> groups;
    for (size_t n = 0; n < networks_.size(); ++n) {
      const PerturbSetOptions options = options_for(networks_[n]);
      const ordered_json making = making_of(options);
      auto same = std::ranges::find(groups, making, &SequenceGroup::making);
      if (same == groups.end()) same = groups.insert(groups.end(), {options, making});
      same->networks.push_back(n);
    }
    return groups;
  }

  ordered_json making_of(const PerturbSetOptions& options) const {
    if (!stored_) {
      ordered_json json{{"from", "made while measuring"}, {"folder", dataset_->where()}, {"resize", options.resize},
                        {"crop", options.crop},           {"seed", options.seed},        {"images", images_}};
      if (options.exif == ExifRule::kTurn) json["exif"] = kExifRules.name(options.exif);
      return json;
    }
    const fs::path manifest = fs::path(data_) / kPerturbSetManifest;
    ordered_json json{{"from", "stored set"}, {"folder", data_}, {"images", images_}};
    if (fs::exists(manifest)) json["made"] = read_result(manifest.string());
    return json;
  }

  RunState open_state(const LoadedNetwork& network, const ordered_json& making, const fs::path& out) const {
    ordered_json settings{{"network", network.identity()}, {"images", making}};
    if (dataset_) settings.update({{"split", split_name(split_)}, {"count", dataset_->size()}});
    return {out, settings};
  }

  /// Measures all networks of a group, and its baseline where that is a model.
  void measure(SequenceGroup& group, Exchange& ranks) const {
    std::vector<MeasuredEnsemble> ensembles;
    std::vector<RunState> states;
    size_t members = 0;
    const auto add = [&](const LoadedNetwork& network, const fs::path& out) {
      ensembles.push_back(network.measured());
      members += ensembles.back().members.size();
      states.push_back(open_state(network, group.making, out));
      const ordered_json earlier = states.back().results(ranks);
      group.results.push_back(earlier.is_null() ? PerturbationResults()
                                                : perturbation_results_from_json(earlier, states.back().where()));
    };
    for (const size_t n : group.networks) add(networks_[n], state_folder(out_, networks_[n], networks_.size()));
    if (group.given.network) {
      add(*group.given.network, baseline_folder(out_, group.making, networks_.size()));
    }
    for (const std::string& kind : options_.kinds) {
      if (std::ranges::find(missing_, kind) != missing_.end()) continue;
      const auto sequences = stored_ ? open_sequences(data_, kind) : make_sequences(*dataset_, kind, group.options);
      const RememberedSequences remembered(*sequences);
      const Sequences& frames = members > 1 ? static_cast<const Sequences&>(remembered) : *sequences;
      for (size_t e = 0; e < ensembles.size(); ++e) {
        if (group.results[e].contains(kind)) continue;
        group.results[e][kind] = measure_perturbation(ensembles[e], kind, frames, images_, ranks);
        states[e].store(to_json(group.results[e]));
      }
    }
  }

  /// Reads it before the work, so that a wrong one is not met after it.
  GivenStability open_baseline(const SequenceGroup& group) const {
    GivenStability given;
    if (baseline_.empty()) {
      if (networks_[group.networks.front()].card().classes() < 1000) {
        log_warning("AlexNet's flip probabilities are those of ImageNet: on other data give --baseline");
      }
      given.result = alexnet_perturbation_baseline();
    } else if (is_model_file(baseline_)) {
      given.network.emplace(EnsembleOptions{.models = {baseline_}}, network_);
      if (dataset_) given.network->check_classes(*dataset_);
    } else {
      const ordered_json result = read_result(baseline_);
      if (result.contains("images") && result["images"] != group.making) {
        log_warning(
            concat(baseline_, ": its sequences were made in another way, so the ratios compare different ones"));
      }
      given.result =
          baseline_of(perturbation_results_from_json(result.value("measured", ordered_json()), baseline_), baseline_);
    }
    return given;
  }

  PerturbationBaseline baseline_for(const SequenceGroup& group) const {
    return group.given.result ? *group.given.result : baseline_of(group.results.back(), baseline_);
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
  std::vector<std::string> gaps(const PerturbationResults& results) const {
    int64_t most = 0;
    for (const auto& [kind, result] : results) most = std::max(most, result.sequences);
    std::vector<std::string> fewer;
    for (const auto& [kind, result] : results) {
      if (result.sequences < most) fewer.push_back(concat(kind, ": ", result.sequences, " of ", most, " sequences"));
    }
    if (!fewer.empty()) {
      log_warning(concat(data_, ": not all were measured on as many sequences: ", join(fewer, ", ")));
    }
    std::vector<std::string> all = missing_;
    all.insert(all.end(), fewer.begin(), fewer.end());
    return all;
  }

  void report(const std::vector<SequenceGroup>& groups) const {
    std::vector<ordered_json> results(networks_.size());
    std::string text;
    for (const SequenceGroup& group : groups) {
      const PerturbationBaseline baseline = baseline_for(group);
      for (size_t i = 0; i < group.networks.size(); ++i) {
        const LoadedNetwork& network = networks_[group.networks[i]];
        const PerturbationResults& measured = group.results[i];
        const std::vector<std::string> missing = gaps(measured);
        warn_of_lacking(measured, baseline);
        if (stored_side_) warn_of_resizing(data_, *stored_side_, network.card().preprocessing.eval_size);
        const PerturbationScores scores = score_perturbations(measured, baseline);
        results[group.networks[i]] = result_of(network, group.making, measured, baseline, scores, missing);
        if (networks_.size() == 1) text = to_text(network, group.making, measured, baseline, scores, missing);
      }
    }
    if (networks_.size() == 1) {
      write_run(out_, results.front());
      return print(results.front(), text);
    }
    for (size_t n = 0; n < results.size(); ++n) results[n]["evaluated"] = networks_[n].evaluated();
    const ordered_json all = several_results(results);
    write_run(out_, all);
    print(all, comparable_table(results, {{"mfr", "mFR"},
                                          {"mt5d", "mT5D"},
                                          {"unnormalised_fr", "flips %"},
                                          {"unnormalised_t5d", "top-5 distance"}}));
  }

  ordered_json result_of(const LoadedNetwork& network, const ordered_json& making, const PerturbationResults& results,
                         const PerturbationBaseline& baseline, const PerturbationScores& scores,
                         const std::vector<std::string>& missing) const {
    ordered_json json{{"measure", "perturbations"},
                      {"network", network.name()},
                      {"arch", network.card().arch},
                      {"input_size", network.card().preprocessing.eval_size},
                      {"baseline", baseline.name},
                      {"mfr", number_or_null(scores.mfr)},
                      {"mt5d", number_or_null(scores.mt5d)},
                      {"unnormalised_fr", number_or_null(scores.unnormalised_fr)},
                      {"unnormalised_t5d", number_or_null(scores.unnormalised_t5d)},
                      {"image_size", stored_side_ ? ordered_json(*stored_side_) : ordered_json(nullptr)},
                      {"partial", !missing.empty() || !scores.unnormalised_fr},
                      {"missing", missing},
                      {"flip_rates", scores.flip_rates},
                      {"t5d", scores.t5d},
                      {"images", making},
                      {"measured", to_json(results)},
                      {"date", timestamp()},
                      {"version", ASSEMBLE_VERSION}};
    if (const ordered_json averaged = network.averaged(); !averaged.is_null()) json["averaged"] = averaged;
    return json;
  }

  std::string to_text(const LoadedNetwork& network, const ordered_json& making, const PerturbationResults& results,
                      const PerturbationBaseline& baseline, const PerturbationScores& scores,
                      const std::vector<std::string>& missing) const {
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
                   "\nSequences: ", json_text(making), "\n");
    if (!scores.unnormalised_fr) {
      text += concat("No mFR: it is over ", kOfficialPerturbations, " kinds, and not all of them were measured\n");
    }
    if (!missing.empty()) text += concat("PARTIAL: missing ", join(missing, ", "), "\n");
    return text;
  }

  Hooks hooks_;
  NetworkOptions network_;
  std::vector<LoadedNetwork> networks_;
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

std::unique_ptr<Subcommand> make_perturbation_measure(const Hooks& hooks) {
  return std::make_unique<PerturbationMeasure>(hooks);
}

}  // namespace assemble::cli
