// SPDX-License-Identifier: Apache-2.0
#include "common/evaluation.h"

#include <set>

#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "common/choice_option.h"
#include "common/data_options.h"
#include "common/numbers.h"

namespace assemble::cli {

void EvaluationOptions::declare(CLI::App& app) {
  add_choice(app, "--split", split, kSplits, "Part of the data set");
  app.add_option("--batch-size", loader.batch_size, "Images a batch")->transform(at_least(1));
  inference.declare(app);
  app.add_option("--loader-threads", loader.threads, "Threads that decode; 0: every core")->transform(thread_count());
  app.add_option("--max-broken", loader.max_broken, "Unreadable images before it gives up")->transform(at_least(0));
  declare_record_files(app, files);
  declare_pairing(app, pairing);
  declare_competition(app, pairing);
}

PairedModels load_paired(const EvaluationOptions& options, const EnsembleOptions& models, const Dataset& dataset,
                         const std::string& name) {
  LoadedEnsemble loaded = load_ensemble(models, options.inference, options.loader.batch_size, options.eval_size);
  ClassPairing pairing({loaded.card.class_names, models.models.front()}, {dataset.class_names(), options.data},
                       options.pairing);
  if (!pairing.same()) log_info(name.empty() ? pairing.to_text() : concat(name, ": ", pairing.to_text()));
  for (EnsembleMember& member : loaded.members) {
    member.network = pairing.measured(member.network);
    member.outputs = pairing.measured(member.outputs);
  }
  return {std::move(loaded.members), std::move(loaded.card), std::move(pairing)};
}

void run_paired(const EvaluationOptions& options, const Dataset& dataset, const PairedModels& models,
                const std::string& label, const EvaluationWatch& see) {
  run_ensemble(models.members, PairedDataset(dataset, models.pairing), options.loader, label, see);
}

namespace {

/// Images that are made otherwise than a network needs them often are all the same to it, and it is sure of that.
void warn_of_one_answer(const ClassificationResult& result) {
  constexpr int64_t kEnough = 16;
  if (result.images < kEnough) return;
  int64_t labels = 0;
  std::set<size_t> answers;
  for (const std::vector<int64_t>& row : result.confusion) {
    bool found = false;
    for (size_t answer = 0; answer < row.size(); ++answer) {
      if (row[answer] == 0) continue;
      answers.insert(answer);
      found = true;
    }
    labels += found ? 1 : 0;
  }
  if (labels < 2 || answers.size() != 1) return;
  log_warning(concat("all ", result.images, " images, of ", labels,
                     " classes, were taken for one class: are they made as the network needs them?"));
}

}  // namespace

ClassificationMeter evaluate_paired(const EvaluationOptions& options, const Dataset& dataset,
                                    const PairedModels& models, const std::string& label,
                                    const EvaluationWatch& watch) {
  ClassificationMeter meter =
      evaluate_ensemble(models.members, PairedDataset(dataset, models.pairing), options.loader, label, watch);
  warn_of_one_answer(meter.result());
  return meter;
}

}  // namespace assemble::cli
