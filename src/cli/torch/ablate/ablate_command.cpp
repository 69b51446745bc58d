// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/log.h"
#include "assemble/core/ranks.h"
#include "assemble/core/resumable_folder.h"
#include "assemble/core/text.h"
#include "assemble/models/arch.h"
#include "common/choice_option.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "torch/ablate/summary.h"
#include "torch/commands.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

/// Words of --corruptions.
constexpr const char* kNone = "none";
constexpr const char* kOfficial = "official";
constexpr const char* kAll = "all";
constexpr const char* kCBar = "c-bar";

/// A finished run's figures, in its folder.
constexpr const char* kResult = "result.json";
constexpr const char* kTable = "results.csv";
constexpr const char* kReport = "report.html";

class AblateCommand : public Subcommand {
 public:
  AblateCommand()
      : Subcommand("ablate", "Train a ladder of configurations with several seeds, show what each rung brings") {}

  std::string purpose() const override {
    return "Trains every rung of a ladder of configurations with several seeds and shows what each adds, with "
           "intervals: the way to find out whether a technique helps on your data. What is finished is kept, so it can "
           "be stopped and several processes can share the work.";
  }
  std::vector<Example> examples() const override {
    return {{"Train a ladder, ten minutes a run",
             "assemble ablate ladders/demo.toml --data photos --out runs/ladder --minutes 10"}};
  }

  void declare(CLI::App& app) override {
    declared_ = &app;
    app.add_option("ladder", ladder_file_, "TOML file with the rungs")->required();
    app.add_option("--data", data_, "Data set: folders of classes, or TFRecords")->required();
    app.add_option("--out", out_, "Folder for the runs, results.csv and report.html; what is finished in it is kept")
        ->required();
    app.add_option("--seeds", seeds_, "Seeds that every rung is trained with")->transform(seed())->expected(1, 1000);
    app.add_option("--minutes", minutes_,
                   "Gives every rung this training time instead of its epochs, by the speed of a few steps; 0 is off")
        ->transform(not_negative());
    app.add_option("--corruptions", corruptions_,
                   "Corruptions that robustness is measured with: of ImageNet-C, and c-bar, separated by commas")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(one_of({kNone, kOfficial, kAll, kCBar}));
    app.add_option("--corrupted-images", corrupted_images_, "Validation images to corrupt, spread evenly; 0: all")
        ->transform(at_least(0));
    app.add_option("--sequences", sequences_, "Perturbation sequences of each kind; 0: none")->transform(at_least(0));
    app.add_option("--rank", ranks_.rank, "This process, of several that share the runs")
        ->transform(at_least(0))
        ->envname("RANK");
    app.add_option("--world", ranks_.world, "Processes, each with the same command")
        ->transform(at_least(1))
        ->envname("WORLD_SIZE");
  }

  void run() override {
    ranks_.check();
    check_output_folder("--out", out_, {data_});
    const Ladder ladder = Ladder::read(ladder_file_);
    apply_entries(*declared_, ladder.settings, ladder_file_);
    check(ladder);
    const auto validation = open_dataset(data_, Split::kValidation);
    const EvenlySpread corrupted(
        *validation, corrupted_images_ == 0 ? validation->size() : std::min(corrupted_images_, validation->size()));
    validation_ = validation.get();
    corrupted_ = &corrupted;
    train_images_ = open_dataset(data_, Split::kTrain)->size();
    claim(ladder);
    int64_t place = 0;
    for (const uint64_t seed : seeds_) {
      for (const Rung& rung : ladder.rungs) {
        const bool mine = place++ % ranks_.world == ranks_.rank;
        if (mine && !finished(rung, seed)) make(rung, seed);
      }
    }
    LadderResult result{.ladder = ladder, .trials = {}, .data = what_was_trained(), .measured_on = what_was_measured()};
    int64_t missing = 0;
    for (const Rung& rung : ladder.rungs) {
      Trials& trials = result.trials.emplace_back();
      for (const uint64_t seed : seeds_) {
        if (const std::optional<Trial> trial = finished(rung, seed)) trials.push_back(*trial);
      }
      missing += static_cast<int64_t>(seeds_.size() - trials.size());
    }
    finish(result, missing);
  }

 private:
  /// What would end a run later: before any is begun.
  void check(const Ladder& ladder) const {
    if (std::set(seeds_.begin(), seeds_.end()).size() != seeds_.size()) throw UsageError("--seeds", "holds one twice");
    const bool repeats = std::set(corruptions_.begin(), corruptions_.end()).size() != corruptions_.size();
    if (repeats || (has(kNone) && corruptions_.size() > 1) || (has(kOfficial) && has(kAll))) {
      throw UsageError("--corruptions", concat(join(corruptions_, " and "), " do not go together"),
                       "expected one of none, official, all and c-bar, or c-bar beside official or all");
    }
    for (const Rung& rung : ladder.rungs) {
      try {
        const ConfiguredTraining training(rung.options, ladder_file_, data_, out_);
        training.job.check();
        (void)Arch::parse(training.app.get_option("--arch")->as<std::string>());
      } catch (const Error& error) {
        throw UsageError(concat(ladder_file_, ": rung '", rung.name, "'"), error.what());
      }
      for (const TomlEntry& entry : rung.options) {
        const std::string& key = entry.path.back();
        if ((key != "pretrained" && key != "teacher") || !rung_named_by(entry).empty()) continue;
        const fs::path file = entry.values.front().written;
        if (!fs::exists(file) && !fs::exists(file.string() + ".index")) {
          throw UsageError(concat(ladder_file_, ":", entry.line, ":", entry.column),
                           concat("'", file.string(), "' does not exist"),
                           "paths are seen from where the command runs");
        }
      }
    }
  }

  /// Makes the folder, or takes that of an earlier ladder, whose table and report are made anew.
  void claim(const Ladder& ladder) const {
    const ResumableFolder folder(out_, {.record = "ablation.json",
                                        .what = "the record of a ladder",
                                        .made_with = "holds",
                                        .other_hint = "choose another --out",
                                        .damaged_hint = "remove it: finished runs are kept"});
    if (folder.read().is_null()) folder.require_new({kTable, kReport});
    folder.prepare();
    folder.write({{"title", ladder.title}, {"made_by", concat("assemble ", ASSEMBLE_VERSION)}});
  }

  fs::path run_of(const std::string& rung, uint64_t seed) const {
    return fs::path(out_) / folder_name(rung) / concat("seed-", seed);
  }

  /// What decides a trial's figures.
  ordered_json settings(const Rung& rung, uint64_t seed) const {
    ordered_json settings{{"seed", seed},
                          {"minutes", minutes_},
                          {"train_images", train_images_},
                          {"validation_images", validation_->size()},
                          {"corruptions", join(corruptions_, ",")},
                          {"corrupted_images", corrupted_->size()},
                          {"sequences", sequences_}};
    for (const TomlEntry& entry : rung.options) {
      std::vector<std::string> values;
      for (const TomlValue& value : entry.values) values.push_back(value.written);
      settings["--" + entry.path.back()] = join(values, ", ");
    }
    return settings;
  }

  ResumableFolder record_of(const Rung& rung, uint64_t seed) const {
    return {run_of(rung.name, seed),
            {.record = kResult,
             .what = "the result of a run",
             .made_with = "holds a run with",
             .other_hint = "choose another --out, or remove this folder",
             .damaged_hint = "remove it: the run is measured again"}};
  }

  std::optional<Trial> finished(const Rung& rung, uint64_t seed) const {
    const ResumableFolder record = record_of(rung, seed);
    const ordered_json earlier = record.read();
    if (earlier.is_null()) return std::nullopt;
    if (!earlier.contains("settings")) record.fail_damaged("it lacks its settings");
    ordered_json now = settings(rung, seed);
    for (const auto& [key, value] : earlier["settings"].items())
      now.emplace(key, nullptr);  // options that are left out
    record.require_same(earlier["settings"], now);
    if (!earlier.contains("result")) return std::nullopt;
    return Trial::from_json(earlier["result"], record.record().string());
  }

  /// Trains and measures one run, or goes on with it.
  void make(const Rung& rung, uint64_t seed) const {
    const fs::path run = run_of(rung.name, seed);
    log_info(concat("rung '", rung.name, "', seed ", seed));
    const ResumableFolder record = record_of(rung, seed);
    ordered_json written = record.read();
    if (written.is_null()) {
      record.require_new({"config.toml", "checkpoint.safetensors", "best.safetensors", "last.safetensors",
                          "summary.csv", "metrics.jsonl"});
      written["settings"] = settings(rung, seed);
      record.prepare();
      record.write(written);
    }
    std::vector<TomlEntry> options = with_models(rung, seed);
    options.push_back(number_option("seed", std::to_string(seed)));
    if (minutes_ > 0 && !written.contains("epochs")) {
      written["epochs"] = planned_epochs(options, run);
      record.write(written);
    }
    if (minutes_ > 0) set_option(options, number_option("epochs", written["epochs"].dump()));
    TrainedNetwork network{.name = rung.name, .run = run};
    network.training = train_network(options, ladder_file_, data_, run, /*resume=*/true);
    deploy(network);
    measure_rates({&network}, /*seconds=*/1);
    measure_robustness(network);
    written["result"] = Trial::of(network, seed).to_json();
    record.write(written);
  }

  /// Models of other rungs by their files.
  std::vector<TomlEntry> with_models(const Rung& rung, uint64_t seed) const {
    std::vector<TomlEntry> options = rung.options;
    for (TomlEntry& entry : options) {
      const std::string other = rung_named_by(entry);
      if (!other.empty()) entry.values.front().written = (run_of(other, seed) / "last.safetensors").string();
    }
    return options;
  }

  /// Epochs that take the minutes given.
  int64_t planned_epochs(const std::vector<TomlEntry>& options, const fs::path& run) const {
    const double seconds = ConfiguredTraining(options, ladder_file_, data_, run).job.seconds_an_epoch();
    const auto epochs = std::max<int64_t>(1, std::llround(60 * minutes_ / seconds));
    log_info(concat(epochs, " epochs of ", format_number(seconds, 1), " s each take ", format_number(minutes_, 1),
                    " minutes"));
    return epochs;
  }

  bool has(const char* word) const { return std::ranges::find(corruptions_, word) != corruptions_.end(); }

  std::vector<std::string> chosen_corruptions() const {
    std::vector<std::string> names;
    const auto add = [&](const std::vector<std::string>& set, size_t count) {
      names.insert(names.end(), set.begin(), set.begin() + static_cast<std::ptrdiff_t>(count));
    };
    const std::vector<std::string>&c = corruption_names(), &c_bar = corruption_names(CorruptionSet::kCBar);
    if (has(kOfficial)) add(c, kOfficialCorruptions);
    if (has(kAll)) add(c, c.size());
    if (has(kCBar)) add(c_bar, c_bar.size());
    return names;
  }

  void measure_robustness(TrainedNetwork& network) const {
    const Preprocessing& preprocessing = network.card.preprocessing;
    if (!has(kNone)) {
      CorruptionSource source;
      source.dataset = corrupted_;
      source.options.corruptions = chosen_corruptions();
      source.options.resize = preprocessing.eval_resize;
      source.options.crop = preprocessing.eval_size;
      log_info(
          concat("measuring ", source.options.corruptions.size(), " corruptions of ", corrupted_->size(), " images"));
      measure_corruptions(network.measured(), source, network.corruptions, [] {});
    }
    if (sequences_ > 0) {
      log_info(concat("measuring ", kOfficialPerturbations, " kinds of sequences, ", sequences_, " each"));
      network.perturbations =
          measure_flips(network, {validation_,
                                  {.resize = preprocessing.eval_resize, .crop = preprocessing.eval_size},
                                  std::min(sequences_, validation_->size())});
    }
  }

  std::string what_was_trained() const {
    return concat(data_, ": ", train_images_, " training and ", validation_->size(), " validation images of ",
                  validation_->classes(), " classes",
                  minutes_ > 0 ? concat("; each run as long as ", format_number(minutes_, 1), " minutes allow") : "");
  }

  std::string what_was_measured() const {
    std::vector<std::string> parts;
    if (!has(kNone)) {
      std::vector<std::string> sets;
      if (has(kOfficial)) sets.push_back(concat("the official ", kOfficialCorruptions, " of ImageNet-C"));
      if (has(kAll)) sets.push_back(concat("all ", corruption_names().size(), " of ImageNet-C"));
      if (has(kCBar))
        sets.push_back(concat("the ", corruption_names(CorruptionSet::kCBar).size(), " of ImageNet-C-bar"));
      parts.push_back(concat("corruptions at five severities of ", corrupted_->size(), " validation images, ",
                             join(sets, " and ")));
    }
    if (sequences_ > 0)
      parts.push_back(concat(kOfficialPerturbations, " kinds of sequences, ", sequences_, " of each"));
    return parts.empty() ? "Robustness was not measured." : concat("Robustness: ", join(parts, "; "), ".");
  }

  /// Writes what there is once all runs are finished.
  void finish(const LadderResult& result, int64_t missing) const {
    if (missing > 0) {
      const std::string text = concat(missing, " runs are other processes'; the last one to end writes the report\n");
      print({{"out", out_}, {"missing", missing}}, text);
      return;
    }
    const fs::path csv = fs::path(out_) / kTable, report = fs::path(out_) / kReport;
    write_file(csv, ladder_csv(result));
    write_file(report, ladder_report(ladder_page(result)));
    ordered_json json = ladder_json(result);
    json.update(ordered_json{{"out", out_}, {"csv", csv.string()}, {"report", report.string()}});
    print(json, concat(ladder_text(result), "\nReport: ", report.string(), "\n"));
  }

  CLI::App* declared_ = nullptr;
  std::string ladder_file_, data_, out_;
  std::vector<uint64_t> seeds_{0, 1, 2};
  double minutes_ = 0;
  std::vector<std::string> corruptions_{kOfficial};
  int64_t corrupted_images_ = 0, sequences_ = 0;
  Ranks ranks_;
  const Dataset* validation_ = nullptr;
  const Dataset* corrupted_ = nullptr;
  int64_t train_images_ = 0;
};

}  // namespace

std::unique_ptr<Subcommand> make_ablate_command() { return std::make_unique<AblateCommand>(); }

}  // namespace assemble::cli
