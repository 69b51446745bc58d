// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/io/toml.h"
#include "common/config.h"
#include "common/flags.h"
#include "common/interrupt.h"
#include "common/numbers.h"
#include "common/sharing.h"
#include "torch/commands.h"
#include "torch/train/launch.h"
#include "torch/train/ranks_options.h"
#include "torch/train/train_options.h"
#include "torch/train/train_plan.h"

namespace assemble::cli {
namespace {

class TrainCommand : public Subcommand {
 public:
  TrainCommand() : Subcommand("train", "Train or fine-tune a network on a data set") {}

  std::string purpose() const override {
    return "Trains a network on a folder of photos, a folder a class. Without --arch it looks at the data and at the "
           "time and chooses network, sizes, techniques and epochs itself, and says why; every choice can be made by a "
           "flag, a configuration or a recipe. It leaves a folder with the best and the last model, the configuration, "
           "the curves and report.html; stopped, it goes on with --resume.";
  }
  std::vector<Example> examples() const override {
    return {
        {"Train for half an hour, all else chosen by the data",
         "assemble train --data photos --out runs/photos --minutes 30"},
        {"Start from a model that knows other photos",
         "assemble train --data photos --out runs/tuned --pretrained imagenet.safetensors"},
        {"Choose the network and the epochs",
         "assemble train --data photos --out runs/own --arch resnet50+bl+sk+aa3+w16 --epochs 80"},
        {"Say what would be trained, and train nothing",
         "assemble train --data photos --out runs/photos --minutes 30 --dry-run"},
        {"Train a row of the paper's tables", "assemble train --recipe E11 --data imagenet-with-logits --out runs/E11"},
        {"Go on with a run that was stopped", "assemble train --config runs/own/config.toml --out runs/own --resume"}};
  }

  void declare(CLI::App& app) override {
    declared_ = &app;
    job_.declare(app);
    plan_.declare(app);
    ranks_.declare(app);
    app.add_option("--check-images", check_images_,
                   "Data sets of up to so many images are looked over before the run, as `dataset check` does; the "
                   "run's page says what was found. 0: none")
        ->transform(at_least(0))
        ->configurable(false);
    app.add_flag("--resume", job_.resume, "Go on from the run folder's checkpoint")->configurable(false);
    app.add_flag("--overwrite", overwrite_, "Remove the run that the folder holds, and begin anew")
        ->configurable(false);
  }

  bool takes_recipes() const override { return true; }

  void run() override {
    keep_freed_memory();  // a plan times steps as they will be
    const bool several = ranks_.processes > 1 || ranks_.place().world > 1;
    if (job_.out.empty()) choose_folder(several);
    plan_.make(*declared_, job_, several);
    job_.check();
    if (plan_.is_dry()) {
      const TrainPlan::Description plan = plan_.describe(app(), job_);
      return print(plan.json, plan.text);
    }
    if (ranks_.launches()) {
      const InterruptGuard interrupt;
      return launch_processes(ranks_.processes, interrupt.token());
    }
    const Ranks place = ranks_.place();
    const TrainJob::Splits& images = job_.splits();
    const bool are_few = images.train->size() + images.validation->size() <= check_images_;
    if (place.rank == 0 && are_few) job_.check_images();  // before the others are waited for
    const TrainResult result = place.world == 1 ? job_.run(app(), overwrite_) : train_as(place);
    if (place.rank == 0) report(result);
    if (result.interrupted && !InterruptGuard::was_keyboard()) throw_stopped();
  }

 private:
  /// A new folder, named as the data: runs/photos, runs/photos-2, …
  void choose_folder(bool several) {
    for (const auto& [is_given, flag] : {std::pair(job_.resume, "--resume"), std::pair(overwrite_, "--overwrite")}) {
      if (is_given) throw UsageError("--out", concat("which run ", flag, " means is not said"), "give its folder");
    }
    if (several) {
      throw UsageError("--out", "is not set: several processes do not choose a folder", "give all of them the same");
    }
    fs::path data = fs::weakly_canonical(job_.data);
    if (!data.has_filename()) data = data.parent_path();  // of "photos/"
    const fs::path first = fs::path("runs") / (data.has_filename() ? data.filename() : "run");
    fs::path folder = first;
    for (int number = 2; fs::exists(folder); ++number) folder = concat(first.string(), "-", number);
    apply_entries(*declared_, read_toml("out = " + toml_string(folder.string()), "train"), "train");
  }

  TrainResult train_as(const Ranks& place) {
    TrainResult result;
    as_rank(place, [&] { result = job_.run(app(), overwrite_, ranks_.connect(place), place); });
    return result;
  }

  void report(const TrainResult& result) const {
    nlohmann::ordered_json json;
    std::vector<std::vector<std::string>> table(2);
    const auto add_column = [&table](const std::string& name, double value, int decimals) {
      table[0].push_back(name);
      table[1].push_back(format_number(value, decimals));
    };
    for (const auto& [name, value] : result.measures) {
      json[name] = value;
      add_column(name, value, 4);
    }
    json["best_" + result.metric] = result.best ? nlohmann::ordered_json(*result.best) : nlohmann::ordered_json();
    json.update(nlohmann::ordered_json{{"steps", result.steps},
                                       {"seconds", result.seconds},
                                       {"images_per_second", result.images_per_second},
                                       {"data_wait_share", result.data_wait_share},
                                       {"peak_memory_mib", result.peak_memory_mib},
                                       {"interrupted", result.interrupted},
                                       {"out", job_.out}});
    if (!result.stopped_by.empty()) json["stopped_by"] = flag_of(result.stopped_by);
    if (result.best) add_column("best " + result.metric, *result.best, 4);
    add_column("images/s", result.images_per_second, 1);
    add_column("data wait %", 100 * result.data_wait_share, 1);
    add_column("peak MiB", result.peak_memory_mib, 0);
    table[0].push_back("time");
    table[1].push_back(format_duration(result.seconds));
    std::vector<std::string> models;
    for (const char* file : {"best.safetensors", "last.safetensors"}) {
      if (const fs::path model = fs::path(job_.out) / file; fs::exists(model)) models.push_back(model.string());
    }
    std::string text =
        format_table(table) + concat("\nModels: ", models.empty() ? "none yet" : join(models, ", "), "\n");
    if (const fs::path page = fs::path(job_.out) / "report.html"; fs::exists(page)) {
      json["report"] = page.string();
      text += concat("Report: ", page.string(), "\n");
    }
    print(json, text);
  }

  bool overwrite_ = false;
  int64_t check_images_ = 10000;  // a minute's work, with photos
  CLI::App* declared_ = nullptr;
  TrainJob job_;
  TrainPlan plan_;
  RanksOptions ranks_;
};

}  // namespace

std::unique_ptr<Subcommand> make_train_command() { return std::make_unique<TrainCommand>(); }

}  // namespace assemble::cli
