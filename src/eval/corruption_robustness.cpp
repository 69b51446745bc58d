// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/corruption_robustness.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/data/corrupted_dataset.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/stored_set.h"

namespace assemble {
namespace {

CorruptionResult to_result(const ClassificationResult& result) {
  return {result.images, 1 - result.top1, result.ece, result.reliability};
}

fs::path part_of(const CorruptionSource& source, const std::string& corruption, int severity) {
  return part_folder(source.stored, corruption) / std::to_string(severity);
}

/// Runs the network over a loader whose samples belong to `groups` kinds in turn, and measures each kind.
std::vector<CorruptionResult> evaluate_in_turn(const MeasuredNetwork& network, Loader& loader, size_t groups,
                                               Progress& progress) {
  std::vector<ClassificationMeter> meters(groups, ClassificationMeter(network.outputs.classes, network.outputs.loss));
  Batch batch;
  loader.start(0);
  while (loader.next(batch)) {
    const Matrix logits = network.network(images_of(batch));
    require_finite(logits, network.outputs.network, [&](int64_t row) { return name_of(batch, row); });
    for (size_t i = 0; i < batch.indices.size(); ++i) {
      meters[static_cast<size_t>(batch.indices[i]) % groups].add(logits.row(static_cast<int64_t>(i)), batch.labels[i]);
    }
    progress.advance(batch.size);
  }
  std::vector<CorruptionResult> results;
  for (const ClassificationMeter& meter : meters) results.push_back(to_result(meter.result()));
  return results;
}

/// Classes of which any part of a stored set has a folder.
std::vector<std::string> stored_classes(const CorruptionSource& source) {
  std::set<std::string> names;
  for (const std::string& corruption : source.options.corruptions) {
    for (const int severity : source.options.severities) {
      const fs::path folder = part_of(source, corruption, severity);
      if (!fs::is_directory(folder)) continue;
      for (std::string& name : class_names_in(folder)) names.insert(std::move(name));
    }
  }
  return {names.begin(), names.end()};
}

class Measurement {
 public:
  Measurement(const MeasuredNetwork& network, const CorruptionSource& source, CorruptionResults& results)
      : network_(network),
        source_(source),
        results_(results),
        pairing_(pair_source(network, source)),
        uncut_(network.loader) {
    const ClassPairing& pairing = pairing_.corrupted();
    network_.network = pairing.measured(network.network);
    network_.outputs = pairing.measured(network.outputs);
    if (pairing_.clean) clean_.emplace(*source.dataset, *pairing_.clean);
    if (pairing_.stored) stored_classes_ = stored_classes(source);
    uncut_.preprocessing.eval_resize = uncut_.preprocessing.eval_size;
  }

  void clean() {
    Loader loader(*clean_, network_.loader);
    results_.clean = to_result(evaluate(network_.network, network_.outputs, loader, "clean images"));
  }

  void made(const std::string& corruption) {
    const CorruptedDataset images(*clean_, corruption, source_.options);
    Loader loader(images, uncut_);
    Progress progress(corruption, loader.images(), "images");
    const auto& severities = source_.options.severities;
    const auto measured = evaluate_in_turn(network_, loader, severities.size(), progress);
    for (size_t s = 0; s < severities.size(); ++s) results_.corruptions[corruption][severities[s]] = measured[s];
  }

  void stored(const std::string& corruption) {
    for (const int severity : source_.options.severities) {
      const fs::path folder = part_of(source_, corruption, severity);
      if (results_.corruptions[corruption].contains(severity) || !fs::is_directory(folder)) continue;
      const ImageFolder folders(folder, stored_classes_);
      const PairedDataset images(folders, *pairing_.stored);
      Loader loader(images, uncut_);
      results_.corruptions[corruption][severity] =
          to_result(evaluate(network_.network, network_.outputs, loader, concat(corruption, " ", severity)));
    }
  }

 private:
  MeasuredNetwork network_;  // with the outputs that compete
  const CorruptionSource& source_;
  CorruptionResults& results_;
  SourcePairing pairing_;
  std::optional<PairedDataset> clean_;
  std::vector<std::string> stored_classes_;
  LoaderOptions uncut_;
};

bool is_measured(const CorruptionResults& results, const std::string& corruption, const std::vector<int>& severities) {
  const auto found = results.corruptions.find(corruption);
  return found != results.corruptions.end() &&
         std::all_of(severities.begin(), severities.end(), [&](int s) { return found->second.contains(s); });
}

}  // namespace

SourcePairing pair_source(const MeasuredNetwork& network, const CorruptionSource& source) {
  const ClassList outputs{network.class_names, network.outputs.network};
  SourcePairing pairing;
  if (source.dataset != nullptr) {
    const Dataset& dataset = *source.dataset;
    pairing.clean.emplace(outputs, ClassList{dataset.class_names(), dataset.where()}, network.pairing);
  }
  if (!source.stored.empty()) {
    pairing.stored.emplace(outputs, ClassList{stored_classes(source), source.stored.string()}, network.pairing);
  }
  if (pairing.clean && pairing.stored && !pairing.clean->measures_like(*pairing.stored)) {
    throw InputError(
        source.stored.string(),
        concat("has images of ", pairing.stored->names().size(), " classes of the model, the clean data ",
               source.dataset->where(), " of ", pairing.clean->names().size(), ": their errors cannot be compared"),
        "give clean data of the same classes, or none");
  }
  return pairing;
}

std::vector<std::string> missing_parts(const CorruptionSource& source) {
  std::vector<std::string> missing;
  if (source.stored.empty()) return missing;
  for (const std::string& corruption : source.options.corruptions) {
    for (const int severity : source.options.severities) {
      if (!fs::is_directory(part_of(source, corruption, severity))) {
        missing.push_back(corruption + "/" + std::to_string(severity));
      }
    }
  }
  return missing;
}

void measure_corruptions(const MeasuredNetwork& network, const CorruptionSource& source, CorruptionResults& results,
                         const std::function<void()>& store) {
  for (const std::string& name : source.options.corruptions) check_corruption(name);
  for (const int severity : source.options.severities) check_severity(severity);
  Measurement measurement(network, source, results);
  if (source.dataset != nullptr && !results.clean) {
    measurement.clean();
    store();
  }
  for (const std::string& corruption : source.options.corruptions) {
    if (is_measured(results, corruption, source.options.severities)) continue;
    if (source.stored.empty()) {
      measurement.made(corruption);
    } else {
      measurement.stored(corruption);
    }
    store();
  }
}

}  // namespace assemble
