// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/ensemble.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/log.h"

namespace assemble {
namespace {

/// What the networks so far say of the samples that all of them could read.
struct Answers {
  std::vector<int64_t> samples;
  Matrix logits;

  Matrix at(const std::vector<int64_t>& places) const {
    Matrix rows(static_cast<int64_t>(places.size()), logits.columns);
    for (size_t i = 0; i < places.size(); ++i) {
      std::ranges::copy(logits.row(places[i]), rows.row(static_cast<int64_t>(i)).begin());
    }
    return rows;
  }
};

/// ln((1 - share) · e^a + share · e^b)
double log_mixed(double a, double b, double share) {
  const double largest = std::max(a, b);
  return largest + std::log((1 - share) * std::exp(a - largest) + share * std::exp(b - largest));
}

bool adds_up_to_one(LossType loss) { return loss != LossType::kSigmoid; }

}  // namespace

void require_same_classes(const ClassList& first, const ClassList& other) {
  const size_t both = std::min(first.names.size(), other.names.size());
  for (size_t c = 0; c < both; ++c) {
    if (first.names[c] == other.names[c]) continue;
    throw InputError(other.where,
                     concat("its class ", c, " is '", other.names[c], "', and '", first.names[c], "' in ", first.where),
                     "average models that were trained on the same classes");
  }
  if (first.names.size() != other.names.size()) {
    throw InputError(other.where,
                     concat("has ", other.names.size(), " classes, and ", first.where, " ", first.names.size()),
                     "average models that were trained on the same classes");
  }
}

void require_same_probabilities(const Outputs& first, const Outputs& other) {
  if (adds_up_to_one(first.loss) == adds_up_to_one(other.loss)) return;
  throw UsageError(other.network,
                   concat("was trained with the loss ", kLossTypes.name(other.loss), ", and ", first.network, " with ",
                          kLossTypes.name(first.loss), ": the probabilities of one add up to 1, the other's need not"),
                   "average models of one kind");
}

void mix_in(Matrix& logits, const Matrix& more, double share, LossType loss) {
  const auto classes = static_cast<size_t>(logits.columns);
  const bool sigmoid = loss == LossType::kSigmoid;
  std::vector<double> a(classes), b(classes), not_a(sigmoid ? classes : 0), not_b(not_a);
  for (int64_t i = 0; i < logits.rows; ++i) {
    const std::span<float> row = logits.row(i);
    log_probabilities(row, loss, a, not_a);
    log_probabilities(more.row(i), loss, b, not_b);
    for (size_t c = 0; c < classes; ++c) {
      const double log = log_mixed(a[c], b[c], share);
      row[c] = static_cast<float>(sigmoid ? log - log_mixed(not_a[c], not_b[c], share) : log);
    }
  }
}

void run_ensemble(const std::vector<EnsembleMember>& members, const Dataset& dataset, LoaderOptions options,
                  const std::string& progress, const EvaluationWatch& see) {
  const Outputs& outputs = members.front().outputs;
  Answers answers;
  int64_t left_out = 0;
  double weights = 0;
  for (size_t m = 0; m < members.size(); ++m) {
    const EnsembleMember& member = members[m];
    const bool first = m == 0, last = m + 1 == members.size();
    weights += member.weight;
    if (!first) {
      if (answers.samples.empty()) break;
      options.rank = 0;  // the samples are this process' part
      options.world = 1;
    }
    const ChosenSamples chosen(dataset, answers.samples);
    options.preprocessing = member.preprocessing;
    Loader loader(first ? dataset : chosen, options);
    Answers with_these;
    const std::string shown =
        members.size() > 1 && !progress.empty() ? concat(progress, " (", m + 1, " of ", members.size(), ")") : progress;
    for_each_batch(member.network, member.outputs, loader, shown, NotFinite::kError, [&](Batch& batch, Matrix& logits) {
      if (!first) {
        Matrix mean = answers.at(batch.indices);
        mix_in(mean, logits, member.weight / weights, outputs.loss);
        logits = std::move(mean);
        for (int64_t& index : batch.indices) index = answers.samples[static_cast<size_t>(index)];
      }
      if (last) {
        see(batch, logits);
      } else {
        with_these.samples.insert(with_these.samples.end(), batch.indices.begin(), batch.indices.end());
        with_these.logits.append(logits);
      }
    });
    left_out += loader.broken();
    answers = std::move(with_these);
  }
  if (left_out > 0) log_warning(concat(left_out, " unreadable images were left out"));
}

ClassificationMeter evaluate_ensemble(const std::vector<EnsembleMember>& members, const Dataset& dataset,
                                      const LoaderOptions& options, const std::string& progress,
                                      const EvaluationWatch& watch) {
  ClassificationMeter meter(members.front().outputs.classes, members.front().outputs.loss);
  run_ensemble(members, dataset, options, progress, [&](const Batch& batch, const Matrix& logits) {
    meter.add(logits, batch.labels);
    if (watch) watch(batch, logits);
  });
  return meter;
}

}  // namespace assemble
