// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/corruption_robustness.h"

#include <algorithm>
#include <array>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/data/corrupted_dataset.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/remembered.h"
#include "assemble/data/stored_set.h"
#include "assemble/eval/measured_ensemble.h"
#include "parts.h"

namespace assemble {
namespace {

CorruptionResult to_result(const ClassificationResult& result) {
  return {result.images, 1 - result.top1, result.ece, result.reliability};
}

fs::path part_of(const CorruptionSource& source, const std::string& corruption, int severity) {
  return part_folder(source.stored, corruption) / std::to_string(severity);
}

/// Which images of a corruption are taken for another class, and at how many severities.
class WrongCounter {
 public:
  explicit WrongCounter(int64_t images) : wrong_(static_cast<size_t>(images)), seen_(wrong_.size()) {}
  void add(int64_t image, bool wrong) {
    wrong_[static_cast<size_t>(image)] += wrong ? 1 : 0;
    ++seen_[static_cast<size_t>(image)];
  }
  void add(const WrongCounter& other) {
    for (size_t i = 0; i < wrong_.size(); ++i) {
      wrong_[i] += other.wrong_[i];
      seen_[i] += other.seen_[i];
    }
  }
  /// [[image, wrong, seen], …] of the images that were seen.
  nlohmann::ordered_json part() const {
    nlohmann::ordered_json part = nlohmann::ordered_json::array();
    for (size_t i = 0; i < wrong_.size(); ++i) {
      if (seen_[i] > 0) part.push_back({i, wrong_[i], seen_[i]});
    }
    return part;
  }
  void add_part(const nlohmann::ordered_json& part) {
    for (const auto& image : part) {
      const auto index = image.at(0).get<size_t>();
      wrong_.at(index) += image.at(1).get<int>();
      seen_.at(index) += image.at(2).get<int>();
    }
  }
  WrongAnswers answers(int severities) const {
    WrongAnswers answers{severities, wrong_};
    for (size_t i = 0; i < wrong_.size(); ++i) {
      if (seen_[i] != severities) answers.counts[i] = -1;
    }
    return answers;
  }

 private:
  std::vector<int> wrong_, seen_;
};

/// Adds what the other processes counted on their parts of the images.
/// @param size of the data set
void add_other_parts(Exchange& ranks, std::span<ClassificationMeter> meters, WrongCounter* wrong, int64_t size) {
  if (!ranks.is_shared()) return;
  nlohmann::ordered_json own{{"size", size}, {"sums", nlohmann::ordered_json::array()}};
  for (const ClassificationMeter& meter : meters) own["sums"].push_back(meter.sums());
  if (wrong != nullptr) own["wrong"] = wrong->part();
  int rank = 0;
  for_each_part(ranks, own, [&](const nlohmann::ordered_json& part) {
    if (rank++ == ranks.rank()) return;
    for (size_t m = 0; m < meters.size(); ++m) {
      meters[m].add_sums(part.at("sums").at(m).get<std::string>(), concat("rank ", rank - 1));
    }
    if (wrong != nullptr) wrong->add_part(part.at("wrong"));
  });
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
  Measurement(const MeasuredEnsemble& ensemble, const CorruptionSource& source, CorruptionFindings& findings,
              Exchange& ranks)
      : ensemble_(part_of(ensemble, ranks)),
        source_(source),
        findings_(findings),
        ranks_(ranks),
        pairing_(pair_source(ensemble, source)) {
    const ClassPairing& pairing = pairing_.corrupted();
    for (EnsembleMember& member : ensemble_.members) {
      member.network = pairing.measured(member.network);
      member.outputs = pairing.measured(member.outputs);
    }
    if (pairing_.clean) clean_.emplace(*source.dataset, *pairing_.clean);
    if (pairing_.stored) stored_classes_ = stored_classes(source);
    uncut_ = ensemble_.members;
    if (ensemble.loader.views != TestViews::kOne && ensemble.loader.views != TestViews::kMirror) return;
    for (EnsembleMember& member : uncut_) member.preprocessing.eval_resize = member.preprocessing.eval_size;
  }
  // Its data sets refer to its pairing.
  Measurement(const Measurement&) = delete;
  Measurement& operator=(const Measurement&) = delete;

  void clean() {
    std::array meters{evaluate_ensemble(ensemble_.members, *clean_, ensemble_.loader, "clean images")};
    add_other_parts(ranks_, meters, nullptr, clean_->size());
    findings_.results.clean = to_result(meters[0].result());
  }

  /// @param images of the corruption, those of all severities one after the other for each image
  void made(const std::string& corruption, const Dataset& images) {
    const auto& severities = source_.options.severities;
    const auto groups = static_cast<int64_t>(severities.size());
    const Outputs& outputs = uncut_.front().outputs;
    std::vector<ClassificationMeter> meters(severities.size(), ClassificationMeter(outputs.classes, outputs.loss));
    WrongCounter wrong(images.size() / groups);
    run_ensemble(uncut_, PairedDataset(images, *pairing_.clean), ensemble_.loader, corruption,
                 [&](const Batch& batch, const Matrix& logits) {
                   for (int64_t i = 0; i < batch.size; ++i) {
                     const int64_t index = batch.indices[static_cast<size_t>(i)];
                     const int64_t label = batch.labels[static_cast<size_t>(i)];
                     meters[static_cast<size_t>(index % groups)].add(logits.row(i), label);
                     wrong.add(index / groups, best_classes(logits.row(i), 1).front() != label);
                   }
                 });
    add_other_parts(ranks_, meters, &wrong, images.size());
    for (size_t s = 0; s < severities.size(); ++s) {
      findings_.results.corruptions[corruption][severities[s]] = to_result(meters[s].result());
    }
    findings_.wrong[corruption] = wrong.answers(static_cast<int>(groups));
  }

  void stored(const std::string& corruption) {
    auto& results = findings_.results.corruptions[corruption];
    const bool anew = results.empty();
    std::optional<WrongCounter> wrong;
    int64_t size = 0;
    for (const int severity : source_.options.severities) {
      const fs::path folder = part_of(source_, corruption, severity);
      if (results.contains(severity) || !fs::is_directory(folder)) continue;
      const ImageFolder folders(folder, stored_classes_);
      if (!wrong) wrong.emplace(size = folders.size());
      const bool counted = folders.size() == size;
      WrongCounter of_severity(size);
      const auto watch = [&](const Batch& batch, const Matrix& logits) {
        for (int64_t i = 0; i < batch.size && counted; ++i) {
          of_severity.add(batch.indices[static_cast<size_t>(i)],
                          best_classes(logits.row(i), 1).front() != batch.labels[static_cast<size_t>(i)]);
        }
      };
      std::array meters{evaluate_ensemble(uncut_, PairedDataset(folders, *pairing_.stored), ensemble_.loader,
                                          concat(corruption, " ", severity), watch)};
      add_other_parts(ranks_, meters, &of_severity, folders.size());
      wrong->add(of_severity);
      results[severity] = to_result(meters[0].result());
    }
    findings_.wrong.erase(corruption);
    if (wrong && anew) findings_.wrong[corruption] = wrong->answers(static_cast<int>(results.size()));
    if (results.empty()) findings_.results.corruptions.erase(corruption);
  }

 private:
  MeasuredEnsemble ensemble_;  // with the outputs that compete
  const CorruptionSource& source_;
  CorruptionFindings& findings_;
  Exchange& ranks_;
  SourcePairing pairing_;
  std::optional<PairedDataset> clean_;
  std::vector<std::string> stored_classes_;
  std::vector<EnsembleMember> uncut_;
};

bool is_measured(const CorruptionResults& results, const std::string& corruption, const std::vector<int>& severities) {
  const auto found = results.corruptions.find(corruption);
  return found != results.corruptions.end() &&
         std::all_of(severities.begin(), severities.end(), [&](int s) { return found->second.contains(s); });
}

}  // namespace

MeasuredEnsemble ensemble_of(const MeasuredNetwork& network) {
  return {{{network.network, network.outputs, network.loader.preprocessing}},
          network.class_names,
          network.loader,
          network.pairing};
}

SourcePairing pair_source(const MeasuredEnsemble& ensemble, const CorruptionSource& source) {
  const EnsembleMember& first = ensemble.members.front();
  return pair_source(
      MeasuredNetwork{first.network, first.outputs, ensemble.class_names, ensemble.loader, ensemble.pairing}, source);
}

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
  const std::vector<MeasuredEnsemble> one{ensemble_of(network)};
  std::vector<CorruptionFindings> findings{{results}};
  Exchange alone;
  const auto store_one = [&](size_t) {
    results = findings.front().results;
    store();
  };
  measure_corruptions(one, source, findings, store_one, alone);
}

void measure_corruptions(std::span<const MeasuredEnsemble> ensembles, const CorruptionSource& source,
                         std::span<CorruptionFindings> findings, const std::function<void(size_t ensemble)>& store,
                         Exchange& ranks) {
  for (const std::string& name : source.options.corruptions) check_corruption(name);
  for (const int severity : source.options.severities) check_severity(severity);
  std::deque<Measurement> measurements;  // which stay where they are
  size_t members = 0;
  for (size_t e = 0; e < ensembles.size(); ++e) {
    measurements.emplace_back(ensembles[e], source, findings[e], ranks);
    members += ensembles[e].members.size();
  }
  for (size_t e = 0; e < ensembles.size(); ++e) {
    if (source.dataset == nullptr || findings[e].results.clean) continue;
    measurements[e].clean();
    store(e);
  }
  for (const std::string& corruption : source.options.corruptions) {
    std::optional<CorruptedDataset> made;
    if (source.stored.empty()) made.emplace(*source.dataset, corruption, source.options);
    std::optional<RememberedDataset> remembered;
    if (made && members > 1) remembered.emplace(*made);
    for (size_t e = 0; e < ensembles.size(); ++e) {
      if (is_measured(findings[e].results, corruption, source.options.severities)) continue;
      if (made) {
        measurements[e].made(corruption, remembered ? static_cast<const Dataset&>(*remembered) : *made);
      } else {
        measurements[e].stored(corruption);
      }
      store(e);
    }
  }
}

}  // namespace assemble
