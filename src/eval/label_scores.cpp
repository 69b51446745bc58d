// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/label_scores.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "assemble/core/error.h"
#include "assemble/eval/nearest.h"
#include "assemble/eval/retrieval.h"

namespace assemble {
namespace {

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  constexpr double kLeast = 1e-12;
  return dot(a, b) / std::sqrt(std::max(dot(a, a), kLeast) * std::max(dot(b, b), kLeast));
}

/// Shares of the votes by label.
std::map<int64_t, double> votes_of(int64_t row, const Matrix& embeddings, std::span<const int64_t> voters,
                                   std::span<const int64_t> labels, double temperature) {
  std::map<int64_t, double> votes;
  double all = 0;
  const double nearest = cosine(embeddings.row(row), embeddings.row(voters.front()));
  for (const int64_t voter : voters) {
    const double weight = std::exp((cosine(embeddings.row(row), embeddings.row(voter)) - nearest) / temperature);
    votes[labels[static_cast<size_t>(voter)]] += weight;
    all += weight;
  }
  for (auto& [label, share] : votes) share /= all;
  return votes;
}

LabelScore score_of(int64_t row, int64_t label, const std::map<int64_t, double>& votes) {
  LabelScore score{row, 0, label};
  double best = 0;
  for (const auto& [other, share] : votes) {
    if (other == label || share <= best) continue;
    best = share;
    score.suggested = other;
  }
  const auto own = votes.find(label);
  score.score = (own == votes.end() ? 0 : own->second) - best;
  return score;
}

/// Some images of what was checked, each labelled by its place there.
class Placed : public Dataset {
 public:
  Placed(const CheckResult& result, const std::vector<OpenSplit>& splits) : result_(result), splits_(splits) {
    for (size_t i = 0; i < result.images.size(); ++i) {
      if (result.images[i].label >= 0 && result.images[i].height > 0) places_.push_back(static_cast<int64_t>(i));
    }
  }
  int64_t size() const override { return static_cast<int64_t>(places_.size()); }
  Sample read(int64_t index) const override {
    const int64_t place = label(index);
    const CheckedImage& image = result_.images[static_cast<size_t>(place)];
    Sample sample = splits_[image.split].images->read(image.index);
    sample.label = place;
    return sample;
  }
  int64_t label(int64_t index) const override { return places_.at(static_cast<size_t>(index)); }
  const std::vector<std::string>& class_names() const override { return no_names_; }
  std::string where() const override { return "the data set"; }

 private:
  const CheckResult& result_;
  const std::vector<OpenSplit>& splits_;
  std::vector<int64_t> places_;
  std::vector<std::string> no_names_;
};

/// Which group of duplicates an image is of; -1: none.
std::vector<int64_t> group_of_each(const CheckResult& result) {
  std::vector<int64_t> groups(result.images.size(), -1);
  for (size_t group = 0; group < result.duplicates.size(); ++group) {
    for (const DuplicateMember& member : result.duplicates[group].members) {
      groups[static_cast<size_t>(member.image)] = static_cast<int64_t>(group);
    }
  }
  return groups;
}

/// Says which classes the model does not tell apart: by the images of a class that look more like those of another.
void find_alike_classes(CheckResult& result) {
  constexpr double kAlike = 0.25;
  constexpr int64_t kLeast = 3;
  std::map<std::pair<int64_t, int64_t>, int64_t> nearer;
  std::map<int64_t, int64_t> all;
  for (const LabelScore& score : result.label_scores) {
    const int64_t label = result.images[static_cast<size_t>(score.image)].label;
    ++all[label];
    if (score.score < 0) ++nearer[{label, score.suggested}];
  }
  for (const auto& [pair, count] : nearer) {
    const auto& [label, other] = pair;
    if (count < kLeast || static_cast<double>(count) < kAlike * static_cast<double>(all[label])) continue;
    result.class_findings.push_back({"alike", result.classes[static_cast<size_t>(label)],
                                     concat("has ", count, " of ", all[label], " images that look more like '",
                                            result.classes[static_cast<size_t>(other)], "' to the model")});
  }
}

}  // namespace

std::vector<LabelScore> score_labels(const Matrix& embeddings, std::span<const int64_t> labels,
                                     std::span<const int64_t> groups, const LabelScoreOptions& options) {
  const auto count = static_cast<size_t>(embeddings.rows);
  if (labels.size() != count || groups.size() != count) {
    throw UsageError("label scores",
                     concat(labels.size(), " labels and ", groups.size(), " groups of ", count, " rows"));
  }
  std::vector<LabelScore> scores;
  if (count < 2) return scores;
  // As many more as copies may stand among them.
  const int64_t k = std::min(2 * options.neighbours, embeddings.rows - 1);
  std::vector<int64_t> rows(count);
  std::iota(rows.begin(), rows.end(), int64_t{0});
  const std::vector<int64_t> nearest = nearest_others(embeddings, rows, {.k = k});
  for (const int64_t row : rows) {
    const auto own = static_cast<size_t>(row);
    std::vector<int64_t> voters;
    for (int64_t i = 0; i < k && static_cast<int64_t>(voters.size()) < options.neighbours; ++i) {
      const int64_t other = nearest[static_cast<size_t>(row * k + i)];
      const bool is_copy = groups[own] >= 0 && groups[static_cast<size_t>(other)] == groups[own];
      if (!is_copy) voters.push_back(other);
    }
    if (voters.empty()) continue;
    scores.push_back(score_of(row, labels[own], votes_of(row, embeddings, voters, labels, options.temperature)));
  }
  std::ranges::stable_sort(scores, {}, &LabelScore::score);
  return scores;
}

void score_labels(CheckResult& result, const std::vector<OpenSplit>& splits, const Network& embedder,
                  const std::string& name, const LoaderOptions& loader) {
  const Placed images(result, splits);
  if (images.size() < 2) return;
  Loader batches(images, loader);
  const EmbeddedImages embedded = embed_images(embedder, name, batches, "embedding");
  const std::vector<int64_t> all_groups = group_of_each(result);
  std::vector<int64_t> labels, groups;
  for (const int64_t place : embedded.labels) {
    labels.push_back(result.images[static_cast<size_t>(place)].label);
    groups.push_back(all_groups[static_cast<size_t>(place)]);
  }
  result.label_scores = score_labels(embedded.embeddings, labels, groups);
  for (LabelScore& score : result.label_scores) score.image = embedded.labels[static_cast<size_t>(score.image)];
  find_alike_classes(result);
}

}  // namespace assemble
