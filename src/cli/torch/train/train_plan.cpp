// SPDX-License-Identifier: Apache-2.0
#include "torch/train/train_plan.h"

#include <ATen/cpu/Utils.h>

#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/models/classifier.h"
#include "common/config.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "common/recipes.h"
#include "torch/train/survey.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

constexpr double kMinutes = 30;           // of a plan without --minutes
constexpr double kTryingMinutes = 5;      // of a run, from which on steps in another precision are tried too
constexpr double kForwardShare = 1. / 3;  // of the work of a step

bool is_set(const CLI::App& app, const std::string& option) { return !app.get_option("--" + option)->empty(); }

bool wants_auto(const CLI::App& app) {
  const CLI::Option& files = *app.get_option("--recipe");
  if (files.empty()) return !is_set(app, "arch");
  return std::ranges::find(files.results(), kAutoRecipe) != files.results().end();
}

ModelCard card_of(const std::string& pretrained) {
  try {
    return read_model_card(pretrained);
  } catch (const InputError& error) {
    throw UsageError("--recipe auto", error.what(),
                     "convert --pretrained to a model file first, or give --arch and a recipe of your own");
  }
}

/// Those of `options` that are in effect.
std::vector<ChosenOption> set_unset(CLI::App& app, const std::vector<ChosenOption>& options) {
  std::vector<ChosenOption> taken;
  std::ranges::copy_if(options, std::back_inserter(taken),
                       [&](const ChosenOption& option) { return !is_set(app, option.key); });
  apply_entries(app, read_toml(to_toml(taken), "--recipe auto"), "--recipe auto");
  return taken;
}

/// Whether the processor has instructions for bf16, without which it is slower than f32.
bool computes_bf16() {
  const auto capabilities = at::cpu::get_cpu_capabilities();
  const auto found = capabilities.find("avx512_bf16");
  return found != capabilities.end() && found->second.toBool();
}

/// What an evaluation takes, in epochs of training: it has the forward part of the work alone.
double evaluation_in_epochs(const TrainJob& job) {
  const TrainJob::Splits& splits = job.splits();
  return kForwardShare * static_cast<double>(splits.validation->size()) / static_cast<double>(splits.train->size());
}

}  // namespace

void TrainPlan::declare(CLI::App& app) {
  app.add_option("--minutes", minutes_,
                 concat("As many epochs as fit this time, by the speed of some steps; 0: --epochs (with --recipe auto ",
                        kMinutes, ")"))
      ->transform(not_negative())
      ->configurable(false);
  app.add_flag("--find-lr", finds_rate_,
               "Sets --lr by a test of rising rates before the run: the largest with which the loss still falls")
      ->configurable(false);
  app.add_flag("--dry-run", dry_, "Say what the run would be, what it would cost and take, and do not begin it")
      ->configurable(false);
}

void TrainPlan::make(CLI::App& app, const TrainJob& job, bool several_processes) {
  const bool by_itself = wants_auto(app);
  if (!by_itself && minutes_ == 0 && !finds_rate_) return;
  const fs::path config = fs::path(job.out) / "config.toml";
  if (job.resume && fs::exists(config)) return apply_entries(app, read_config(config.string()), config.string());
  if (several_processes) {
    throw UsageError(by_itself     ? "--recipe auto"
                     : finds_rate_ ? "--find-lr"
                                   : "--minutes",
                     "plans runs of one process",
                     "--dry-run says what it would choose: give that to all of them as --config");
  }
  if (minutes_ > 0 && is_set(app, "epochs")) {
    throw UsageError("--minutes", "decides the epochs, which --epochs or a file sets too", "give one of them");
  }
  if (finds_rate_ && is_set(app, "lr")) {
    throw UsageError("--find-lr", "decides the learning rate, which --lr or a file sets too", "give one of them");
  }
  check_output_folder("--out", job.out, {job.data});
  task_.images = job.splits().train->size();
  task_.minutes = minutes_ > 0 ? minutes_ : kMinutes;
  if (by_itself) choose(app, job);
  if (finds_rate_) find_rate(app, job);
  if (!is_set(app, "epochs") && (by_itself || minutes_ > 0)) fit_epochs(app, job, by_itself);
  for (const ChosenOption& option : chosen_) {
    log_info(concat("--", option.key, " ", option.value, option.why.empty() ? "" : ": " + option.why));
  }
}

void TrainPlan::choose(CLI::App& app, const TrainJob& job) {
  const Dataset& train = *job.splits().train;
  if (train.multi_label()) take(app, choose_for_several_labels());
  const TrainOptions given = job.options();
  if (given.loss != (train.multi_label() ? LossType::kSigmoid : LossType::kSoftmax) ||
      given.validation.metric == ValidationMetric::kRecallAt1) {
    throw UsageError("--recipe auto", "chooses for classes, not for embeddings",
                     "`assemble recipe list` has recipes of retrieval");
  }
  task_.side = median_side(train);
  if (is_set(app, "arch")) task_.arch = given.arch;
  if (is_set(app, "preprocessing") || is_set(app, "train-size")) task_.train_size = given.preprocessing.train_size;
  if (!given.pretrained.empty()) task_.pretrained = card_of(given.pretrained);
  if (!task_.pretrained) {
    task_.images_per_second = job.training_speed();
  }
  std::vector<ChosenOption> recipe = choose_recipe(task_);
  if (finds_rate_) std::erase_if(recipe, [](const ChosenOption& option) { return option.key == "lr"; });
  take(app, recipe);
}

void TrainPlan::take(CLI::App& app, const std::vector<ChosenOption>& options) {
  const std::vector<ChosenOption> taken = set_unset(app, options);
  chosen_.insert(chosen_.end(), taken.begin(), taken.end());
}

void TrainPlan::find_rate(CLI::App& app, const TrainJob& job) {
  rate_test_ = job.find_learning_rate();
  take(
      app,
      {{"lr", concat(rate_test_->suggested),
        concat("the largest that the loss still falls with, by ", rate_test_->rates.size(), " steps of rising ones")}});
}

double TrainPlan::time_epoch(CLI::App& app, const TrainJob& job, bool by_itself) {
  const double seconds = job.seconds_an_epoch();
  const bool tries_bf16 = by_itself && task_.minutes >= kTryingMinutes && !is_set(app, "precision") && computes_bf16();
  if (!tries_bf16 || job.options().device.is_cuda()) return seconds;
  const double in_bf16 = job.seconds_an_epoch(Precision::kBf16);
  const std::vector<ChosenOption> precision = choose_precision(seconds, in_bf16);
  take(app, precision);
  return precision.empty() ? seconds : in_bf16;
}

void TrainPlan::fit_epochs(CLI::App& app, const TrainJob& job, bool by_itself) {
  seconds_an_epoch_ = time_epoch(app, job, by_itself);
  const double most = 60 * task_.minutes / *seconds_an_epoch_;
  const double evaluation = evaluation_in_epochs(job);
  const auto every = static_cast<double>(by_itself ? 1 : job.options().eval_every);
  double trained = most / (1 + evaluation / every);
  if (by_itself) trained = std::max(trained, most - static_cast<double>(kEvaluations) * evaluation);
  const auto in_time = static_cast<int64_t>(std::max(trained, 1.));
  std::vector<ChosenOption> schedule{{"epochs", concat(in_time), concat("as many as fit ", task_.minutes, " minutes")}};
  if (by_itself) schedule = choose_schedule(task_, in_time);
  take(app, schedule);
}

TrainPlan::Description TrainPlan::describe(const CLI::App& app, const TrainJob& job) const {
  const TrainOptions options = job.options();
  const auto& [train, validation, made] = job.splits();
  const double seconds = seconds_an_epoch_ ? *seconds_an_epoch_ : job.seconds_an_epoch();
  const ModelCost cost = measure_cost(Arch::parse(options.arch), train->classes(), options.preprocessing.train_size);
  const auto epochs = static_cast<double>(options.epochs);
  const double evaluations = std::ceil(epochs / static_cast<double>(options.eval_every));
  const double total = seconds * (epochs + evaluations * evaluation_in_epochs(job));
  ordered_json chosen = ordered_json::array();
  for (const ChosenOption& option : chosen_) {
    chosen.push_back({{"option", option.key}, {"value", option.value}, {"why", option.why}});
  }
  Description description;
  description.json = {{"arch", options.arch},
                      {"chosen", chosen},
                      {"config", effective_config(app)},
                      {"train_images", train->size()},
                      {"validation_images", validation->size()},
                      {"classes", train->classes()},
                      {"parameters", cost.parameters},
                      {"multiply_adds", cost.multiply_adds},
                      {"epochs", options.epochs},
                      {"seconds_an_epoch", seconds},
                      {"seconds", total},
                      {"peak_memory_mib", peak_memory_mib()}};
  if (rate_test_) {
    description.json["find_lr"] = {
        {"suggested", rate_test_->suggested}, {"rates", rate_test_->rates}, {"losses", rate_test_->losses}};
  }
  description.text = format_table(
      {{"arch", "images", "classes", "crop", "parameters", "multiply-adds", "epochs", "an epoch", "all", "memory"},
       {options.arch, concat(train->size()), concat(train->classes()), concat(options.preprocessing.train_size),
        format_number(static_cast<double>(cost.parameters) / 1e6, 2) + " M",
        format_number(static_cast<double>(cost.multiply_adds) / 1e6, 1) + " M", concat(options.epochs),
        format_number(seconds, 1) + " s", format_duration(total), format_number(peak_memory_mib(), 0) + " MiB"}});
  description.text += "\nNothing was written.\n";
  return description;
}

}  // namespace assemble::cli
