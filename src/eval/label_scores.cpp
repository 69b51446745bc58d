// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/label_scores.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/random.h"
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
  double best = -1;
  for (const auto& [other, share] : votes) {
    if (other == label || share <= best) continue;
    best = share;
    score.suggested = other;
  }
  const auto own = votes.find(label);
  score.score = (own == votes.end() ? 0 : own->second) - std::max(best, 0.0);
  return score;
}

/// The images of what was checked that have a label and can be read.
class LabelledImages : public Dataset {
 public:
  LabelledImages(const CheckResult& result, const std::vector<OpenSplit>& splits) : result_(result), splits_(splits) {
    for (size_t i = 0; i < result.images.size(); ++i) {
      if (result.images[i].label >= 0 && result.images[i].height > 0) places_.push_back(static_cast<int64_t>(i));
    }
  }
  int64_t size() const override { return static_cast<int64_t>(places_.size()); }
  Sample read(int64_t index) const override {
    const CheckedImage& image = checked(index);
    Sample sample = splits_[image.split].images->read(image.index);
    sample.label = image.label;
    return sample;
  }
  int64_t label(int64_t index) const override { return checked(index).label; }
  const std::vector<std::string>& class_names() const override { return result_.classes; }
  std::string where() const override { return "the data set"; }
  /// Of all that was checked.
  int64_t place(int64_t index) const { return places_.at(static_cast<size_t>(index)); }
  std::vector<int64_t> labels() const {
    std::vector<int64_t> labels;
    for (int64_t i = 0; i < size(); ++i) labels.push_back(checked(i).label);
    return labels;
  }
  /// Which group of duplicates each is of; -1: none.
  std::vector<int64_t> groups() const {
    std::vector<int64_t> of_all(result_.images.size(), -1), groups;
    for (size_t group = 0; group < result_.duplicates.size(); ++group) {
      for (const DuplicateMember& member : result_.duplicates[group].members) {
        of_all[static_cast<size_t>(member.image)] = static_cast<int64_t>(group);
      }
    }
    for (const int64_t place : places_) groups.push_back(of_all[static_cast<size_t>(place)]);
    return groups;
  }

 private:
  const CheckedImage& checked(int64_t index) const { return result_.images[static_cast<size_t>(place(index))]; }

  const CheckResult& result_;
  const std::vector<OpenSplit>& splits_;
  std::vector<int64_t> places_;
};

/// The same, each labelled by its number among them.
class Numbered : public LabelledImages {
 public:
  using LabelledImages::LabelledImages;
  Sample read(int64_t index) const override {
    Sample sample = LabelledImages::read(index);
    sample.label = index;
    return sample;
  }
  int64_t label(int64_t index) const override { return index; }
};

/// Takes scores of some images, by their place among those, as the result's.
void take_scores(CheckResult& result, const LabelledImages& images, std::vector<LabelScore> scores) {
  for (LabelScore& score : scores) score.image = images.place(score.image);
  result.label_scores = std::move(scores);
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

std::vector<int> spread_over_parts(std::span<const int64_t> labels, std::span<const int64_t> groups, int parts,
                                   uint64_t seed) {
  std::vector<size_t> order(labels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t image) {
    return std::pair(labels[image], Random(seed, RandomPurpose::kSplit, 0, image)());
  });
  std::vector<int> part_of_each(labels.size());
  std::map<int64_t, int> part_of_group;
  for (size_t i = 0; i < order.size(); ++i) {
    int part = static_cast<int>(i % static_cast<size_t>(parts));
    if (const int64_t group = groups[order[i]]; group >= 0) part = part_of_group.emplace(group, part).first->second;
    part_of_each[order[i]] = part;
  }
  return part_of_each;
}

void score_labels(CheckResult& result, const std::vector<OpenSplit>& splits, int parts, const HeldOutLogits& logits) {
  const LabelledImages images(result, splits);
  const std::vector<int64_t> labels = images.labels();
  const Matrix said = logits(images, spread_over_parts(labels, images.groups(), parts, /*seed=*/0));
  const Matrix probabilities = to_probabilities(said, LossType::kSoftmax);
  std::vector<LabelScore> scores;
  for (int64_t row = 0; row < said.rows; ++row) {
    if (!all_finite(said.row(row))) continue;
    std::map<int64_t, double> shares;
    for (int64_t c = 0; c < said.columns; ++c) shares[c] = probabilities.row(row)[static_cast<size_t>(c)];
    scores.push_back(score_of(row, labels[static_cast<size_t>(row)], shares));
  }
  std::ranges::stable_sort(scores, {}, &LabelScore::score);
  take_scores(result, images, std::move(scores));
  find_alike_classes(result);
}

void score_labels(CheckResult& result, const std::vector<OpenSplit>& splits, const Network& embedder,
                  const std::string& name, const LoaderOptions& loader) {
  const Numbered images(result, splits);
  if (images.size() < 2) return;
  Loader batches(images, loader);
  const EmbeddedImages embedded = embed_images(embedder, name, batches, "embedding");
  const std::vector<int64_t> all_labels = images.labels(), all_groups = images.groups();
  std::vector<int64_t> labels, groups;
  for (const int64_t number : embedded.labels) {
    labels.push_back(all_labels[static_cast<size_t>(number)]);
    groups.push_back(all_groups[static_cast<size_t>(number)]);
  }
  std::vector<LabelScore> scores = score_labels(embedded.embeddings, labels, groups);
  for (LabelScore& score : scores) score.image = embedded.labels[static_cast<size_t>(score.image)];
  take_scores(result, images, std::move(scores));
  find_alike_classes(result);
}

}  // namespace assemble
