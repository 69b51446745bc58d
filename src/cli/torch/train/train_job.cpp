// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/split.h"
#include "assemble/io/toml.h"
#include "assemble/train/run_folder.h"
#include "assemble/train/run_observers.h"
#include "common/config.h"
#include "common/data_options.h"
#include "common/interrupt.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "common/sharing.h"
#include "torch/train/epoch_time.h"
#include "torch/train/ranks_options.h"
#include "torch/train/survey.h"
#include "torch/train/train_options.h"

namespace assemble::cli {
namespace {

/// What a run may be resumed with: where it ends, what is measured and kept; what each process may have otherwise.
/// Arithmetic of batches is the trainer's to judge, and pretrained weights are not read.
bool may_change(const std::string& option) {
  constexpr const char* kFree[] = {"epochs",        "max-steps",        "stop-at",
                                   "patience",      "max-minutes",      "checkpoint-every",
                                   "eval-every",    "keep-checkpoints", "keep-every-evaluation",
                                   "recall-at",     "fine-eval-ratio",  "eval-batch-size",
                                   "processes",     "compare-every",    "skip-non-finite",
                                   "batch-size",    "max-broken",       "keep-best",
                                   "accumulate",    "pretrained",       "pretrained-ema",
                                   "crop-on-device"};
  return is_own_affair(option) || std::find(std::begin(kFree), std::end(kFree), option) != std::end(kFree);
}

/// @param config that the run began with; an earlier version may have had fewer options
void refuse_changes(const fs::path& config, const std::string& now) {
  if (!fs::exists(config)) return;  // the library's own runs have none
  CLI::App fresh;
  TrainJob job;
  RanksOptions ranks;
  job.declare(fresh);
  ranks.declare(fresh);
  std::vector<TomlEntry> before = read_toml(effective_config(fresh), "defaults");
  for (TomlEntry& entry : read_config(config.string())) {
    std::erase_if(before, [&](const TomlEntry& of_default) { return of_default.path == entry.path; });
    before.push_back(std::move(entry));
  }
  std::vector<std::string> changes;
  for (const ConfigChange& change : config_changes(before, read_toml(now, "config"))) {
    if (may_change(change.key)) continue;
    changes.push_back(
        concat("--", change.key, " was ", change.before.value_or("not set"), ", is ", change.now.value_or("not set")));
  }
  if (changes.empty()) return;
  throw UsageError("--resume", concat("the run began with other options: ", join(changes, "; ")),
                   "resume it with those of its config.toml; a new run may start from its model with --pretrained");
}

}  // namespace

void TrainJob::declare(CLI::App& app) {
  app.add_option("--data", data, "Data set: folders of classes, a label file, TFRecords, tar or zip")->required();
  app.add_option("--out", out, "Run folder; runs/NAME-OF-THE-DATA, which is then a new one, where it is left out");
  declare_record_files(app, files);
  app.add_option("--validation-share", validation_share_,
                 "Of each class that validates, where the data set has no splits: the run's split.csv says which")
      ->transform(real(0.001, 0.9));
  flags_.declare(app);
}

const TrainJob::Splits& TrainJob::splits() const {
  if (splits_.train) return splits_;
  const bool retrieves = options().validation.metric == ValidationMetric::kRecallAt1;
  const ClassRule rule = retrieves ? ClassRule::kOfTraining : ClassRule::kSeveral;
  try {
    splits_ = {open_dataset(data, Split::kTrain, rule, files),
               open_dataset(data, Split::kValidation, retrieves ? ClassRule::kAny : rule, files),
               {}};
  } catch (const NoSuchSplit&) {
    const std::vector<OpenSplit> parts = open_splits(data, files, /*several=*/!retrieves);
    if (!can_be_split(parts)) throw;
    splits_ = split_whole(parts);
  }
  if (splits_.train->classes() == 1) {
    throw InputError(one_line(data), concat("holds one class, '", splits_.train->class_names()[0], "'"),
                     "a classifier tells classes apart: add a folder of what is not of this class");
  }
  return splits_;
}

TrainJob::Splits TrainJob::split_whole(const std::vector<OpenSplit>& whole) const {
  const fs::path recorded = RunFolder::split_file(out);
  if (resume && fs::exists(recorded)) {
    const RecordFiles as_recorded{.split_file = recorded.string()};
    const fs::path root = images_root(data);
    return {open_dataset(root, Split::kTrain, ClassRule::kSeveral, as_recorded),
            open_dataset(root, Split::kValidation, ClassRule::kSeveral, as_recorded),
            {}};
  }
  // Of one seed: runs with several are measured with the same images.
  const SplitPlan plan = plan_split(data, whole, {.validation = validation_share_});
  for (size_t c = 0; c < plan.classes.size(); ++c) {
    if (plan.counts[c] != std::array<int64_t, 3>{}) continue;
    throw InputError(one_line(data), concat("its class '", plan.classes[c], "' has no images"),
                     "add some, or remove its folder");
  }
  Splits made{open_planned(data, plan, Split::kTrain), open_planned(data, plan, Split::kValidation),
              label_file_text(plan.rows, plan.several)};
  log_info(concat(one_line(data), ": has no splits; of each class ", format_number(100 * validation_share_, 1),
                  " % validate, ", made.validation->size(), " images (`validation_share`), and ", made.train->size(),
                  " train"));
  return made;
}

void TrainJob::check_images() { findings_ = check_data(data, splits().train, splits().validation); }

TrainOptions TrainJob::options_of(const Ranks& place) const {
  TrainOptions options = flags_.options(place);
  const int on_this_machine = place.local_world;
  const int share = std::max(available_cores() / on_this_machine, 1);
  const int threads = flags_.threads == 0 && on_this_machine > 1 ? share : flags_.threads;
  if (threads > 0) torch::set_num_threads(threads);
  if (options.loader_threads == 0 && on_this_machine > 1) options.loader_threads = share;
  return options;
}

double TrainJob::seconds_an_epoch(Precision precision) const {
  const Splits& images = splits();
  TrainOptions options = alone();
  options.precision = precision;
  const InterruptGuard interrupt;
  return cli::seconds_an_epoch(*images.train, *images.validation, options, interrupt.token());
}

std::function<double(const std::string& arch, int side)> TrainJob::training_speed() const {
  const Splits& images = splits();
  const InterruptGuard interrupt;
  return cli::training_speed(*images.train, *images.validation, alone(), interrupt.token());
}

LearningRateTest TrainJob::find_learning_rate() const {
  const Splits& images = splits();
  const InterruptGuard interrupt;
  return cli::find_learning_rate(*images.train, *images.validation, alone(), interrupt.token());
}

TrainResult TrainJob::run(const CLI::App& app, bool overwrite, const std::shared_ptr<Communicator>& ranks,
                          const Ranks& place) const {
  keep_freed_memory();
  try {
    require_same_options(*ranks, effective_config(app));
    return train(app, overwrite, options_of(place), ranks);
  } catch (const std::exception& error) {
    ranks->fail(error.what());
    throw;
  }
}

TrainResult TrainJob::train(const CLI::App& app, bool overwrite, TrainOptions options,
                            const std::shared_ptr<Communicator>& ranks) const {
  if (ranks->is_first()) check_output_folder("--out", out, {data});
  const auto& [train, validation, made] = splits();
  if (!ranks->is_first()) {
    Trainer trainer(*train, *validation, options, {}, ranks);
    const InterruptGuard interrupt;
    return trainer.run(interrupt.token());
  }
  RunFolder folder(out, resume, overwrite);  // after the data, below which it may lie
  const std::string config = effective_config(app);
  const fs::path config_file = folder.path() / "config.toml";
  if (resume) options.resume = folder.newest_checkpoint();
  if (resume && fs::exists(options.resume)) refuse_changes(config_file, config);
  RunObservers observers(folder, options, findings_ ? std::vector{findings_->table} : std::vector<TextTable>());
  Trainer trainer(*train, *validation, options, observers.all(), ranks);
  if (overwrite) folder.remove_run();
  folder.write_environment({"assemble", "train", "--config", config_file.string()});
  folder.write_config(config);
  if (findings_ && !findings_->page.empty()) {
    write_file(RunFolder::data_page(folder.path()), std::string_view(findings_->page));
  }
  if (!made.empty()) {
    const fs::path file = RunFolder::split_file(folder.path());
    write_file(file, std::string_view(made));
    log_info(concat(file.string(), " says which images validate; `assemble eval` takes it as --split-file"));
  }
  log_info(concat(options.arch, ": ", train->size(), " training and ", validation->size(), " validation images, ",
                  train->classes(), " classes, ", trainer.steps_per_epoch(), " steps an epoch",
                  ranks->is_shared() ? concat(", ", ranks->world(), " processes") : ""));
  const InterruptGuard interrupt;
  return trainer.run(interrupt.token());
}

}  // namespace assemble::cli
