// SPDX-License-Identifier: Apache-2.0
#include "common/evaluation.h"

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

PairedModel load_paired(const EvaluationOptions& options, const Dataset& dataset, const std::string& name) {
  const std::string& file = options.inference.model;
  LoadedModel loaded = load_for_inference(options.inference, options.loader.batch_size);
  ClassPairing pairing({loaded.card.class_names, file}, {dataset.class_names(), options.data}, options.pairing);
  if (!pairing.same()) log_info(name.empty() ? pairing.to_text() : concat(name, ": ", pairing.to_text()));
  return {std::move(loaded), std::move(pairing)};
}

ClassificationResult evaluate_paired(const EvaluationOptions& options, const Dataset& dataset, const PairedModel& model,
                                     const std::string& label, const EvaluationWatch& watch) {
  const PairedDataset paired(dataset, model.pairing);
  LoaderOptions loading = options.loader;
  loading.preprocessing = model.loaded.card.preprocessing;
  Loader loader(paired, loading);
  const ClassificationMeter meter =
      evaluate_part(model.pairing.measured(model.loaded.network), model.outputs(options.inference.model), loader, label,
                    NotFinite::kError, watch);
  warn_of_broken(loader);
  return meter.result();
}

}  // namespace assemble::cli
