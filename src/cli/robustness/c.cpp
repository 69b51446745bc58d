// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/derived_folder.h"
#include "assemble/eval/augmentation_overlap.h"
#include "assemble/image/decode.h"
#include "common/choice_option.h"
#include "common/corruption_options.h"
#include "common/data_options.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "robustness/robustness.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

/// How the images were made, for people and for telling results apart.
ordered_json making_of(const CorruptionSource& source) {
  if (!source.stored.empty()) {
    const fs::path manifest = source.stored / kCorruptSetManifest;
    ordered_json making{{"from", "stored set"}, {"folder", source.stored.string()}};
    if (fs::exists(manifest)) making["made"] = read_result(manifest.string());
    return making;
  }
  ordered_json making{{"from", "made while measuring"}, {"folder", source.dataset->where()}};
  making.update(pixel_settings(source.options));
  return making;
}

/// Side of the first image of a stored set; nothing when it cannot be read.
std::optional<int> stored_side(const CorruptionSource& source) {
  try {
    for (const std::string& corruption : source.options.corruptions) {
      for (const int severity : source.options.severities) {
        const fs::path folder = part_folder(source.stored, corruption) / std::to_string(severity);
        if (!fs::is_directory(folder)) continue;
        const Sample first = open_unlabelled(folder)->read(0);
        return read_image_size(first.encoded, first.name).height;
      }
    }
  } catch (const InputError&) {
    // Measuring says what is wrong with the image.
  }
  return std::nullopt;
}

/// A network whose errors others are divided by: a result, or a model to measure.
struct GivenBaseline {
  std::optional<CorruptionBaseline> result;
  std::optional<LoadedNetwork> network;
};

class CorruptionMeasure : public Subcommand {
 public:
  CorruptionMeasure() : Subcommand("c", "mCE: errors and calibration under corruptions (ImageNet-C, ImageNet-C-bar)") {}

  std::string purpose() const override {
    return "Measures how many more errors a model makes when images are noisy, blurred, foggy or badly compressed: the "
           "mean corruption error (mCE) of ImageNet-C, and how far its probabilities can be believed then. Takes clean "
           "data, of which it makes the corrupted images, or a stored set.";
  }
  std::vector<Example> examples() const override {
    return {{"Measure it, with a page, and go on where it was stopped",
             "assemble robustness c --model runs/photos/best.safetensors --data photos --out robust/photos"},
            {"The ten other corruptions of ImageNet-C-bar",
             "assemble robustness c --set c-bar --model runs/photos/best.safetensors --data photos"}};
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
    if (!out_.empty()) check_output_folder("--out", out_, {data_, clean_});
    source_.options.corruptions = corruptions_.chosen();
    for (const int severity : source_.options.severities) check_severity(severity);
    const LoadedNetwork network(network_.inference.model, network_);
    open_source(network);
    const std::vector<std::string> missing = missing_parts(source_);
    require_something(missing);
    const ClassPairing pairing = pair_source(network.measured(), source_).corrupted();
    if (!pairing.same()) log_info(pairing.to_text());
    if (!source_.stored.empty()) stored_side_ = stored_side(source_);
    if (!out_.empty()) check_outside(out_, data_);
    const GivenBaseline given = open_baseline(network);
    const CorruptionResults results = measure(network, out_);
    const CorruptionBaseline baseline = make_baseline(given);
    warn_of_lacking(results, baseline);
    warn_of_overlap(network.card());
    report(network, results, baseline, gaps(results, missing), pairing);
  }

 private:
  void open_source(const LoadedNetwork& network) {
    CorruptSetOptions& options = source_.options;
    options.resize = resize_ >= 0 ? resize_ : network.card().preprocessing.eval_resize;
    options.crop = crop_ >= 0 ? crop_ : network.card().preprocessing.eval_size;
    options.exif = network.card().preprocessing.exif();
    const Reading reading = read_as_corrupted(data_);
    if (reading_.is_stored(data_, reading, "a stored set of corrupted images")) source_.stored = data_;
    if (source_.stored.empty() && !reading_.as && read_as_sequences(data_) == Reading::kStored) {
      throw InputError(data_, "holds sequences", "measure them with 'assemble robustness p'");
    }
    if (source_.stored.empty() || !clean_.empty()) {
      dataset_ = open_dataset(clean_.empty() ? data_ : clean_, split_, rule_of(network_.pairing), network_.files);
      source_.dataset = dataset_.get();
    }
    if (source_.stored.empty()) warn_of_needless_resizing(*dataset_, options);
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

  CorruptionResults measure(const LoadedNetwork& network, const fs::path& out) const {
    CorruptionResults results;
    ordered_json settings{{"network", network.identity()}, {"images", making_of(source_)}, {"clean", clean_}};
    if (source_.dataset != nullptr)
      settings.update({{"split", split_name(split_)}, {"count", source_.dataset->size()}});
    const ClassPairing pairing = pair_source(network.measured(), source_).corrupted();
    if (!pairing.same()) settings["class_pairing"] = pairing.order();
    if (network_.pairing.all_outputs) settings["all_outputs"] = true;
    if (is_c_bar()) settings["set"] = kCorruptionSets.name(corruptions_.set);
    const RunState state(out, settings);
    if (!state.results().is_null()) results = corruption_results_from_json(state.results(), state.where());
    measure_corruptions(network.measured(), source_, results, [&] { state.store(to_json(results)); });
    return results;
  }

  /// Reads it before the work, so that a wrong one is not met after it.
  GivenBaseline open_baseline(const LoadedNetwork& network) const {
    GivenBaseline given;
    if (baseline_.empty() && is_c_bar()) {
      given.result = no_corruption_baseline();
    } else if (baseline_.empty()) {
      if (network.card().classes() < 1000) {
        log_warning("AlexNet's errors are those of ImageNet: on other data give --baseline");
      }
      given.result = alexnet_corruption_baseline();
    } else if (is_model_file(baseline_)) {
      given.network.emplace(baseline_, network_);
      pair_source(given.network->measured(), source_);
    } else {
      const ordered_json result = read_result(baseline_);
      if (result.contains("images") && result["images"] != making_of(source_)) {
        log_warning(concat(baseline_, ": its images were made in another way, so the ratios compare different images"));
      }
      given.result =
          baseline_of(corruption_results_from_json(result.value("measured", ordered_json()), baseline_), baseline_);
    }
    return given;
  }

  CorruptionBaseline make_baseline(const GivenBaseline& given) const {
    if (given.result) return *given.result;
    return baseline_of(measure(*given.network, out_.empty() ? fs::path() : fs::path(out_) / "baseline"), baseline_);
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

  void warn_of_overlap(const ModelCard& card) const {
    std::vector<std::string> parts;
    for (const auto& [corruption, names] : overlaps(card)) {
      parts.push_back(concat(corruption, " (", join(names, ", "), ")"));
    }
    if (parts.empty()) return;
    log_warning(concat(network_.inference.model, " was trained with what some corruptions do: ", join(parts, ", "),
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

  void report(const LoadedNetwork& network, const CorruptionResults& results, const CorruptionBaseline& baseline,
              const std::vector<std::string>& missing, const ClassPairing& pairing) const {
    const CorruptionScores scores = score_corruptions(results, baseline);
    if (stored_side_) warn_of_resizing(data_, *stored_side_, network.card().preprocessing.eval_size);
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
                      {"network", network_.inference.model},
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
                      {"images", making_of(source_)},
                      {"class_pairing", pairing.to_json()},
                      {"measured", to_json(results)},
                      {"date", timestamp()},
                      {"version", ASSEMBLE_VERSION}};
    write_run(out_, json);
    std::string text = to_text(network, results, baseline, scores, missing);
    if (is_c_bar() ? !scores.unnormalised_c_bar : !scores.unnormalised_15) {
      const std::string all = concat(kOfficialCorruptions, " or ", of_set.size());
      text += concat(is_c_bar() ? "No mean error: " : "No mCE: ", whole, " of ",
                     is_c_bar() ? std::to_string(of_set.size()) : all,
                     " corruptions were measured at all five severities\n");
    }
    if (!pairing.same()) text += pairing.to_text() + "\n";
    print(json, text);
  }

  std::string to_text(const LoadedNetwork& network, const CorruptionResults& results,
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
                   "\nImages: ", json_text(making_of(source_)), "\n");
    if (!missing.empty()) text += concat("PARTIAL: missing ", join(missing, ", "), "\n");
    return text;
  }

  NetworkOptions network_;
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

std::unique_ptr<Subcommand> make_corruption_measure() { return std::make_unique<CorruptionMeasure>(); }

}  // namespace assemble::cli
