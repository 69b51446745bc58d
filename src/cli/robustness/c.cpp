// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/eval/augmentation_overlap.h"
#include "common/choice_option.h"
#include "common/corruption_options.h"
#include "common/data_options.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "robustness/robustness.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

/// A network whose errors others are divided by: a result, or a model to measure.
struct GivenBaseline {
  std::optional<CorruptionBaseline> result;
  std::optional<LoadedNetwork> network;
  std::optional<ClassPairing> pairing;  ///< of the network
};

/// Networks that look at the same pixels.
struct Group {
  CorruptionSource source;
  ordered_json making;                      ///< making_of() the source
  std::vector<size_t> networks = {};        ///< their places among those that are measured
  std::vector<ClassPairing> pairings = {};  ///< of each
  GivenBaseline given = {};
  std::vector<CorruptionFindings> findings = {};  ///< of each, then of the baseline where it is measured
};

class CorruptionMeasure : public Subcommand {
 public:
  explicit CorruptionMeasure(const Hooks& hooks)
      : Subcommand("c", "mCE: errors and calibration under corruptions (ImageNet-C, ImageNet-C-bar)"), hooks_(hooks) {}

  std::string purpose() const override {
    return "Measures how many more errors a model makes when images are noisy, blurred, foggy or badly compressed: the "
           "mean corruption error (mCE) of ImageNet-C, and how far its probabilities can be believed then. Takes clean "
           "data, of which it makes the corrupted images, or a stored set.";
  }
  std::vector<Example> examples() const override {
    return {{"Measure it, with a page, and go on where it was stopped",
             "assemble robustness c --model runs/photos/best.safetensors --data photos --out robust/photos"},
            {"The ten other corruptions of ImageNet-C-bar",
             "assemble robustness c --set c-bar --model runs/photos/best.safetensors --data photos"},
            {"Several models side by side, each for itself",
             "assemble robustness c runs/photos/best.safetensors runs/own/best.safetensors --data photos --out "
             "robust/both"}};
  }

  void declare(CLI::App& app) override {
    network_.declare(app);
    declare_competition(app, network_.pairing);
    CorruptSetOptions& options = source_.options;
    app.add_option("--data", data_, "A corrupted set (CORRUPTION/SEVERITY/CLASS/…), or clean data to corrupt")
        ->required();
    reading_.declare(app);
    app.add_option("--clean", clean_, "Clean data beside a stored set, for the clean error and relative mCE");
    add_choice(app, "--split", split_, kSplits, "Part of the data set");
    app.add_option("--out", out_, "Folder for result.json, report.html and state.json, from which it goes on");
    app.add_option("--baseline", baseline_, "result.json of a run, or a model file, in AlexNet's place");
    corruptions_.declare(app);
    app.add_option("--severities", options.severities, "Which of 1 to 5, separated by commas")
        ->transform(whole(1, 5))
        ->delimiter(',');
    app.add_option("--resize", resize_, "Short side before the crop, pixels; -1: the model's, 0: as it is")
        ->transform(side(-1));
    app.add_option("--crop", crop_, "Side of the square cut from the middle, pixels; -1: the model's, 0: none")
        ->transform(side(-1));
    app.add_option("--seed", options.seed, "Seed of the corruptions")->transform(seed());
    app.add_option("--frost-dir", options.frost_dir, "Folder of the published generator's frost photographs");
    add_choice(app, "--format", options.format, kCorruptFormats,
               "Of the images: jpeg as published, or png without loss");
    app.add_option("--quality", options.quality, "Quality of JPEG")->transform(whole(1, 100));
  }

  void run() override {
    network_.sharing.run(hooks_, [&](Exchange& ranks) { measure_all(ranks); });
  }

 private:
  void measure_all(Exchange& ranks) {
    if (!ranks.is_first()) out_.clear();  // the folder is rank 0's
    if (!out_.empty()) check_output_folder("--out", out_, {data_, clean_});
    source_.options.corruptions = corruptions_.chosen();
    for (const int severity : source_.options.severities) check_severity(severity);
    network_.sharing.share_machine(hooks_, network_.inference, network_.loader.threads);
    networks_ = load_networks(network_);
    open_source();
    const std::vector<std::string> missing = missing_parts(source_);
    require_same_work(ranks, app(), networks_, dataset_.get());
    require_same(ranks, {{"missing", join(missing, " ")}});
    require_something(missing);
    if (!source_.stored.empty()) stored_side_ = stored_side(source_);
    if (!out_.empty()) check_outside(out_, data_);
    std::vector<Group> groups = groups_of_same_pixels();
    for (Group& group : groups) group.given = open_baseline(group);
    for (Group& group : groups) measure(group, ranks);
    if (ranks.is_first()) report(groups, missing);
  }

  void open_source() {
    const Reading reading = read_as_corrupted(data_);
    if (reading_.is_stored(data_, reading, "a stored set of corrupted images")) source_.stored = data_;
    if (source_.stored.empty() && !reading_.as && read_as_sequences(data_) == Reading::kStored) {
      throw InputError(data_, "holds sequences", "measure them with 'assemble robustness p'");
    }
    if (source_.stored.empty() || !clean_.empty()) {
      dataset_ = open_dataset(clean_.empty() ? data_ : clean_, split_, rule_of(network_.pairing), network_.files);
      source_.dataset = dataset_.get();
    }
  }

  /// The source as a network's preprocessing has it.
  CorruptionSource source_for(const LoadedNetwork& network) const {
    CorruptionSource source = source_;
    source.options.resize = resize_ >= 0 ? resize_ : network.card().preprocessing.eval_resize;
    source.options.crop = crop_ >= 0 ? crop_ : network.card().preprocessing.eval_size;
    source.options.exif = network.card().preprocessing.exif();
    return source;
  }

  /// Checks each network's classes too.
  std::vector<Group> groups_of_same_pixels() const {
    std::vector<Group> groups;
    for (size_t n = 0; n < networks_.size(); ++n) {
      const CorruptionSource source = source_for(networks_[n]);
      const ClassPairing pairing = pair_source(networks_[n].measured(), source).corrupted();
      if (!pairing.same()) log_info(pairing.to_text());
      const ordered_json making = making_of(source);
      auto same = std::ranges::find(groups, making, &Group::making);
      if (same == groups.end()) {
        if (source.stored.empty()) warn_of_needless_resizing(*dataset_, source.options);
        same = groups.insert(groups.end(), {source, making});
      }
      same->networks.push_back(n);
      same->pairings.push_back(pairing);
    }
    return groups;
  }

  void require_something(const std::vector<std::string>& missing) const {
    const size_t parts = source_.options.corruptions.size() * source_.options.severities.size();
    if (parts == 0) throw UsageError("robustness c", "nothing to do: no corruptions or no severities");
    if (missing.size() == parts) {
      throw InputError(data_, "has none of the folders " + join(missing, ", "),
                       "make them with 'assemble corrupt', or choose the set that it holds with --set");
    }
    if (!missing.empty()) {
      log_warning(concat(data_, ": folders are missing, results are partial: ", join(missing, ", ")));
    }
  }

  RunState open_state(const LoadedNetwork& network, const ClassPairing& pairing, const ordered_json& making,
                      const fs::path& out) const {
    ordered_json settings{{"network", network.identity()}, {"images", making}, {"clean", clean_}};
    if (dataset_) settings.update({{"split", split_name(split_)}, {"count", dataset_->size()}});
    if (!pairing.same()) settings["class_pairing"] = pairing.order();
    if (network_.pairing.all_outputs) settings["all_outputs"] = true;
    if (is_c_bar()) settings["set"] = kCorruptionSets.name(corruptions_.set);
    return {out, settings};
  }

  /// Measures all networks of a group, and its baseline where that is a model.
  void measure(Group& group, Exchange& ranks) const {
    std::vector<MeasuredEnsemble> ensembles;
    std::vector<RunState> states;
    const auto add = [&](const LoadedNetwork& network, const ClassPairing& pairing, const fs::path& out) {
      ensembles.push_back(network.measured());
      states.push_back(open_state(network, pairing, group.making, out));
      CorruptionFindings& findings = group.findings.emplace_back();
      const ordered_json earlier = states.back().results(ranks);
      if (earlier.is_null()) return;
      findings.results = corruption_results_from_json(earlier, states.back().where());
      if (earlier.contains("wrong")) findings.wrong = wrong_from_json(earlier["wrong"], states.back().where());
    };
    for (size_t i = 0; i < group.networks.size(); ++i) {
      const LoadedNetwork& network = networks_[group.networks[i]];
      add(network, group.pairings[i], state_folder(out_, network, networks_.size()));
    }
    if (group.given.network) {
      add(*group.given.network, *group.given.pairing, baseline_folder(out_, group.making, networks_.size()));
    }
    const auto store = [&](size_t e) {
      ordered_json state = to_json(group.findings[e].results);
      state["wrong"] = wrong_to_json(group.findings[e]);
      states[e].store(state);
    };
    measure_corruptions(ensembles, group.source, group.findings, store, ranks);
  }

  /// Reads it before the work, so that a wrong one is not met after it.
  GivenBaseline open_baseline(const Group& group) const {
    GivenBaseline given;
    if (baseline_.empty() && is_c_bar()) {
      given.result = no_corruption_baseline();
    } else if (baseline_.empty()) {
      if (networks_[group.networks.front()].card().classes() < 1000) {
        log_warning("AlexNet's errors are those of ImageNet: on other data give --baseline");
      }
      given.result = alexnet_corruption_baseline();
    } else if (is_model_file(baseline_)) {
      given.network.emplace(EnsembleOptions{.models = {baseline_}}, network_);
      given.pairing = pair_source(given.network->measured(), group.source).corrupted();
    } else {
      const ordered_json result = read_result(baseline_);
      if (result.contains("images") && result["images"] != group.making) {
        log_warning(concat(baseline_, ": its images were made in another way, so the ratios compare different images"));
      }
      given.result =
          baseline_of(corruption_results_from_json(result.value("measured", ordered_json()), baseline_), baseline_);
    }
    return given;
  }

  CorruptionBaseline baseline_for(const Group& group) const {
    return group.given.result ? *group.given.result : baseline_of(group.findings.back().results, baseline_);
  }

  /// Augmentations of the training by corruption, of those that were measured.
  std::map<std::string, std::vector<std::string>> overlaps(const ModelCard& card) const {
    auto overlaps = overlapping_corruptions(card);
    std::erase_if(overlaps, [&](const auto& overlap) {
      const auto& measured = source_.options.corruptions;
      return std::find(measured.begin(), measured.end(), overlap.first) == measured.end();
    });
    return overlaps;
  }

  void warn_of_overlap(const LoadedNetwork& network) const {
    std::vector<std::string> parts;
    for (const auto& [corruption, names] : overlaps(network.card())) {
      parts.push_back(concat(corruption, " (", join(names, ", "), ")"));
    }
    if (parts.empty()) return;
    log_warning(concat(network.name(), " was trained with what some corruptions do: ", join(parts, ", "),
                       "; errors under these say little about corruptions that it never saw"));
  }

  bool is_c_bar() const { return corruptions_.set == CorruptionSet::kCBar; }

  void warn_of_lacking(const CorruptionResults& results, const CorruptionBaseline& baseline) const {
    if (baseline_.empty() && is_c_bar()) return;
    std::vector<std::string> lacking;
    for (const auto& [name, severities] : results.corruptions) {
      const auto found = baseline.errors.find(name);
      if (results.mean_error(name) && (found == baseline.errors.end() || found->second == 0)) lacking.push_back(name);
    }
    if (lacking.empty()) return;
    log_warning(concat("the baseline ", baseline.name, " has no error to divide by for ", join(lacking, ", "),
                       ": no CE of these, and no mCE over them"));
  }

  /// What keeps the result from being whole: absent folders, and folders with fewer images than others.
  std::vector<std::string> gaps(const CorruptionResults& results, std::vector<std::string> missing) const {
    const size_t absent = missing.size();
    int64_t most = 0;
    for (const auto& [name, severities] : results.corruptions) {
      for (const auto& [severity, result] : severities) most = std::max(most, result.images);
    }
    for (const auto& [name, severities] : results.corruptions) {
      for (const auto& [severity, result] : severities) {
        if (result.images < most)
          missing.push_back(concat(name, "/", severity, ": ", result.images, " of ", most, " images"));
      }
    }
    if (missing.size() > absent) {
      log_warning(concat(data_, ": not all were measured on as many images: ", join(missing, ", ")));
    }
    return missing;
  }

  void report(const std::vector<Group>& groups, const std::vector<std::string>& missing) const {
    std::vector<ordered_json> results(networks_.size());
    std::vector<const CorruptionFindings*> findings(networks_.size());
    std::string text;
    for (const Group& group : groups) {
      const CorruptionBaseline baseline = baseline_for(group);
      for (size_t i = 0; i < group.networks.size(); ++i) {
        const size_t n = group.networks[i];
        const CorruptionResults& measured = group.findings[i].results;
        findings[n] = &group.findings[i];
        warn_of_lacking(measured, baseline);
        warn_of_overlap(networks_[n]);
        const std::vector<std::string> lacking = gaps(measured, missing);
        const int size = networks_[n].card().preprocessing.eval_size;
        if (stored_side_) warn_of_resizing(data_, *stored_side_, size);
        const ClassPairing& pairing = group.pairings[i];
        results[n] = result_of(networks_[n], pairing, group.making, measured, baseline, lacking);
        if (networks_.size() == 1) text = text_of(networks_[n], pairing, group.making, measured, baseline, lacking);
      }
    }
    if (networks_.size() == 1) {
      write_run(out_, results.front());
      return print(results.front(), text);
    }
    for (size_t n = 0; n < results.size(); ++n) results[n]["evaluated"] = networks_[n].evaluated();
    ordered_json all = several_results(results);
    all["against_first"] = ordered_json::array();
    text = comparable_table(results, is_c_bar() ? kBarFigures : kFigures) + "\n" + against_first(findings, all);
    write_run(out_, all);
    print(all, text);
  }

  /// Differences of the mean error, on the same images.
  std::string against_first(const std::vector<const CorruptionFindings*>& findings, ordered_json& json) const {
    std::vector<std::vector<std::string>> rows{{"error against " + networks_[0].name(), "points", "95 % interval"}};
    for (size_t n = 1; n < findings.size(); ++n) {
      const std::optional<PairedErrors> pair = pair_errors(*findings[0], *findings[n]);
      if (!pair) {
        rows.push_back({networks_[n].name(), "-", "-"});
        continue;
      }
      json["against_first"].push_back({{"network", networks_[n].name()},
                                       {"images", pair->images},
                                       {"error_difference", pair->difference},
                                       {"low", pair->low},
                                       {"high", pair->high}});
      rows.push_back({networks_[n].name(), format_number(100 * pair->difference, 2),
                      concat(format_number(100 * pair->low, 2), " … ", format_number(100 * pair->high, 2))});
    }
    return format_table(rows) + "Mean error over what was measured; the interval is over resampled images.\n";
  }

  ordered_json result_of(const LoadedNetwork& network, const ClassPairing& pairing, const ordered_json& making,
                         const CorruptionResults& results, const CorruptionBaseline& baseline,
                         const std::vector<std::string>& missing) const {
    const CorruptionScores scores = score_corruptions(results, baseline);
    double ece = 0;
    int64_t measured = 0;
    size_t whole = 0;
    const std::vector<std::string>& of_set = corruption_names(corruptions_.set);
    for (const auto& [name, severities] : results.corruptions) {
      whole += results.mean_error(name).has_value();
      for (const auto& [severity, result] : severities) ece += result.ece, ++measured;
    }
    ordered_json json{{"measure", "corruptions"},
                      {"set", kCorruptionSets.name(corruptions_.set)},
                      {"network", network.name()},
                      {"arch", network.card().arch},
                      {"input_size", network.card().preprocessing.eval_size},
                      {"baseline", baseline.name},
                      {"mce_15", number_or_null(scores.mce_15)},
                      {"mce_19", number_or_null(scores.mce_19)},
                      {"unnormalised_mce", number_or_null(scores.unnormalised_15)},
                      {"unnormalised_mce_19", number_or_null(scores.unnormalised_19)},
                      {"relative_mce", number_or_null(scores.relative_15)},
                      {"relative_mce_19", number_or_null(scores.relative_19)},
                      {"c_bar_error", number_or_null(scores.unnormalised_c_bar)},
                      {"mce_c_bar", number_or_null(scores.mce_c_bar)},
                      {"relative_mce_c_bar", number_or_null(scores.relative_c_bar)},
                      {"clean_error", results.clean ? ordered_json(results.clean->error) : ordered_json(nullptr)},
                      {"mean_ece", measured > 0 ? ece / static_cast<double>(measured) : 0.0},
                      {"corruptions_measured", whole},
                      {"parts_measured", measured},
                      {"image_size", stored_side_ ? ordered_json(*stored_side_) : ordered_json(nullptr)},
                      {"partial", !missing.empty() || whole < of_set.size()},
                      {"missing", missing},
                      {"ce", scores.ce},
                      {"relative_ce", scores.relative_ce},
                      {"overlap", overlaps(network.card())},
                      {"images", making},
                      {"class_pairing", pairing.to_json()},
                      {"measured", to_json(results)},
                      {"date", timestamp()},
                      {"version", ASSEMBLE_VERSION}};
    if (const ordered_json averaged = network.averaged(); !averaged.is_null()) json["averaged"] = averaged;
    return json;
  }

  std::string text_of(const LoadedNetwork& network, const ClassPairing& pairing, const ordered_json& making,
                      const CorruptionResults& results, const CorruptionBaseline& baseline,
                      const std::vector<std::string>& missing) const {
    const CorruptionScores scores = score_corruptions(results, baseline);
    std::string text = to_text(network, making, results, baseline, scores, missing);
    if (is_c_bar() ? !scores.unnormalised_c_bar : !scores.unnormalised_15) {
      const size_t of_set = corruption_names(corruptions_.set).size();
      const std::string all = concat(kOfficialCorruptions, " or ", of_set);
      const auto whole = std::ranges::count_if(results.corruptions, [&](const auto& corruption) {
        return results.mean_error(corruption.first).has_value();
      });
      text += concat(is_c_bar() ? "No mean error: " : "No mCE: ", whole, " of ",
                     is_c_bar() ? std::to_string(of_set) : all, " corruptions were measured at all five severities\n");
    }
    return pairing.same() ? text : text + pairing.to_text() + "\n";
  }

  std::string to_text(const LoadedNetwork& network, const ordered_json& making, const CorruptionResults& results,
                      const CorruptionBaseline& baseline, const CorruptionScores& scores,
                      const std::vector<std::string>& missing) const {
    std::vector<std::vector<std::string>> rows{{"corruption", "error 1", "2", "3", "4", "5", "mean %", "CE %", "ECE"}};
    for (const std::string& name : corruption_names(corruptions_.set)) {
      const auto found = results.corruptions.find(name);
      if (found == results.corruptions.end()) continue;
      rows.push_back({name});
      for (int severity = 1; severity <= kCorruptionSeverities; ++severity) {
        const auto result = found->second.find(severity);
        rows.back().push_back(result == found->second.end() ? "-" : format_number(100 * result->second.error, 1));
      }
      const auto error = results.mean_error(name);
      const auto ce = scores.ce.find(name);
      rows.back().push_back(error ? format_number(100 * *error, 2) : "-");
      rows.back().push_back(ce == scores.ce.end() ? "-" : format_number(ce->second, 2));
      rows.back().push_back(number_or_dash(results.mean_ece(name), 4));
    }
    std::string text = format_table(rows) + "\n";
    std::vector<std::vector<std::string>> means{{"over", "mCE %", "un-normalised %", "relative mCE %"}};
    const auto add = [&](const char* over, const auto& mce, const auto& unnormalised, const auto& relative) {
      means.push_back({over, number_or_dash(mce, 2), number_or_dash(unnormalised, 2), number_or_dash(relative, 2)});
    };
    if (is_c_bar()) {
      add("ten of C-bar", scores.mce_c_bar, scores.unnormalised_c_bar, scores.relative_c_bar);
    } else {
      add("official 15", scores.mce_15, scores.unnormalised_15, scores.relative_15);
      add("all 19", scores.mce_19, scores.unnormalised_19, scores.relative_19);
    }
    text += format_table(means);
    if (results.clean) text += concat("\nClean error: ", format_number(100 * results.clean->error, 2), " %");
    text += concat("\nInput size: ", network.card().preprocessing.eval_size, "\nBaseline: ", baseline.name,
                   "\nImages: ", json_text(making), "\n");
    if (!missing.empty()) text += concat("PARTIAL: missing ", join(missing, ", "), "\n");
    return text;
  }

  static inline const std::vector<std::pair<const char*, const char*>> kFigures{{"mce_15", "mCE 15"},
                                                                                {"mce_19", "mCE 19"},
                                                                                {"unnormalised_mce", "error %"},
                                                                                {"relative_mce", "relative"},
                                                                                {"clean_error", "clean error %"}};
  static inline const std::vector<std::pair<const char*, const char*>> kBarFigures{
      {"mce_c_bar", "mCE"}, {"c_bar_error", "error %"}, {"clean_error", "clean error %"}};

  Hooks hooks_;
  NetworkOptions network_;
  std::vector<LoadedNetwork> networks_;
  CorruptionOptions corruptions_;
  CorruptionSource source_;
  std::unique_ptr<Dataset> dataset_;
  DataReading reading_;
  std::optional<int> stored_side_;
  std::string data_;
  std::string clean_;
  Split split_ = Split::kValidation;
  std::string out_;
  std::string baseline_;
  int resize_ = -1;
  int crop_ = -1;
};

}  // namespace

std::unique_ptr<Subcommand> make_corruption_measure(const Hooks& hooks) {
  return std::make_unique<CorruptionMeasure>(hooks);
}

}  // namespace assemble::cli
