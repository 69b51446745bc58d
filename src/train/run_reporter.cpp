// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/run_reporter.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/eval/explain.h"
#include "assemble/models/model_file.h"
#include "assemble/train/run_folder.h"
#include "assemble/train/trainer.h"

namespace assemble {
namespace {

/// @param score the figure of evaluations that is shown, "top1"
std::vector<TrainingPoint> points_of(const fs::path& folder, const std::string& score) {
  std::vector<TrainingPoint> points;
  for (const EpochSummary& row : read_summary(folder)) {
    const auto found = std::ranges::find(row.validation, score, [](const auto& figure) { return figure.first; });
    if (found != row.validation.end()) {
      points.push_back({row.epoch, row.train_loss, found->second, row.learning_rate});
    }
  }
  return points;
}

TextTable times_of(const StepTimes& times) {
  TextTable table{.text = "Where the time of the steps went, since the run was last started.",
                  .rows = {{"part", "time", "share"}}};
  const auto add = [&](const char* part, double seconds) {
    if (seconds == 0) return;
    table.rows.push_back({part, format_duration(seconds), format_number(100 * times.share_of(seconds), 1) + " %"});
  };
  add("waiting for data", times.data);
  add("teacher", times.teacher);
  add("forward", times.forward);
  add("backward", times.backward);
  add("optimizer", times.optimizer);
  return table;
}

std::string what_was_trained(const Trainer& trainer) {
  const TrainOptions& options = trainer.options();
  const TrainingState& state = trainer.state();
  return concat(options.arch, ", trained for ", state.step, " of ", trainer.total_steps(), " steps of ",
                state.step_images, " images, in ", format_duration(state.seconds), ", with crops of ",
                options.preprocessing.train_size, " pixels and seed ", options.seed, ". It uses up to ",
                format_number(peak_memory_mib(), 0), " MiB of memory. Figures are those of the last evaluation",
                options.average_decay > 0 ? ", of the averaged weights." : ".");
}

/// Of the network as it is at the end. Nothing for one that cannot be traced, or whose classes cannot be looked for.
std::vector<Image> overlays_of(Trainer& trainer, const std::vector<Mistake>& mistakes) {
  if (mistakes.empty()) return {};
  try {
    const AveragedWeights averaged = trainer.averaged_weights();
    const Preprocessing& preprocessing = trainer.options().preprocessing;
    ActivationMapper mapper(trace(trainer.model(), preprocessing.eval_size), trainer.options().arch);
    return mistake_overlays(mapper, mistakes, preprocessing, [](int64_t label) { return label; });
  } catch (const Error& error) {
    log_info(concat("the run's page shows no class activations: ", error.what()));
    return {};
  }
}

}  // namespace

void RunReporter::on_end(Trainer& trainer) {
  const ValidationResult& last = trainer.last();
  if (!last.classification && !last.multi_label) return;
  const std::string title = concat("The run ", folder_.lexically_normal().filename().string());
  const std::vector<std::string> introduction{
      what_was_trained(trainer), concat("The same run once more: assemble train --config ", folder_.string(),
                                        "/config.toml --out ANOTHER_FOLDER")};
  const std::vector<TrainingPoint> points = points_of(folder_, trainer.state().metric);
  std::vector<TextTable> tables{times_of(trainer.times())};
  tables.insert(tables.end(), tables_.begin(), tables_.end());
  const std::vector<std::string>& classes = trainer.card().class_names;
  write_file(folder_ / "report.html", last.multi_label
                                          ? multi_label_report({.title = title,
                                                                .introduction = introduction,
                                                                .training = points,
                                                                .tables = tables,
                                                                .result = *last.multi_label,
                                                                .class_names = classes})
                                          : evaluation_report({.title = title,
                                                               .introduction = introduction,
                                                               .training = points,
                                                               .tables = tables,
                                                               .result = *last.classification,
                                                               .class_names = classes,
                                                               .mistakes = last.mistakes,
                                                               .overlays = overlays_of(trainer, last.mistakes)}));
}

}  // namespace assemble
