// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/retrieval.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

constexpr int64_t kMostNeighbours = int64_t{1} << 23;  // kept at a time, of all queries together: 64 MiB

/// Images of each class, distractors aside.
std::map<int64_t, int64_t> count_classes(std::span<const int64_t> labels) {
  std::map<int64_t, int64_t> images;
  for (const int64_t label : labels) {
    if (label != kDistractor) ++images[label];
  }
  return images;
}

/// Looks at the neighbours of one query after the other.
class RetrievalMeter {
 public:
  RetrievalMeter(const std::vector<int64_t>& labels, const std::vector<int64_t>& recall_at)
      : labels_(labels), images_(count_classes(labels)), recall_at_(recall_at), hits_(recall_at.size()) {}

  const std::map<int64_t, int64_t>& images() const { return images_; }
  /// The most other images of a class.
  int64_t most_matches() const {
    const auto largest = std::ranges::max_element(images_, {}, [](const auto& c) { return c.second; });
    return largest->second - 1;
  }

  /// @param neighbours best first, as many as the measures look at
  void add(int64_t query, std::span<const int64_t> neighbours) {
    const int64_t label = label_of(query);
    const auto is_match = [&](int64_t row) { return label_of(row) == label; };
    const auto place = std::ranges::find_if(neighbours, is_match) - neighbours.begin();
    for (size_t i = 0; i < recall_at_.size(); ++i) hits_[i] += place < recall_at_[i] ? 1 : 0;
    const int64_t matches = images_.at(label) - 1;
    double precisions = 0;
    for (int64_t i = 0, found = 0; i < matches; ++i) {
      if (is_match(neighbours[static_cast<size_t>(i)]))
        precisions += static_cast<double>(++found) / static_cast<double>(i + 1);
    }
    if (matches > 0) average_precisions_ += precisions / static_cast<double>(matches);
  }

  void write(RetrievalResult& result) const {
    const auto queries = static_cast<double>(result.queries);
    for (size_t i = 0; i < recall_at_.size(); ++i) {
      result.recall.emplace_back(recall_at_[i], static_cast<double>(hits_[i]) / queries);
    }
    result.map_at_r = average_precisions_ / queries;
    result.classes = static_cast<int64_t>(images_.size());
    result.without_match = std::ranges::count_if(images_, [](const auto& c) { return c.second == 1; });
  }

 private:
  int64_t label_of(int64_t row) const { return labels_[static_cast<size_t>(row)]; }

  const std::vector<int64_t>& labels_;
  const std::map<int64_t, int64_t> images_;
  const std::vector<int64_t>& recall_at_;
  std::vector<int64_t> hits_;  // for each k
  double average_precisions_ = 0;
};

}  // namespace

EmbeddedImages embed_images(const Network& embedder, const std::string& name, Loader& loader,
                            const std::string& progress) {
  std::optional<Progress> bar;
  if (!progress.empty()) bar.emplace(progress, loader.images(), "images");
  EmbeddedImages images;
  Batch batch;
  loader.start(0);
  while (loader.next(batch)) {
    const Matrix embedded = embedder(images_of(batch));
    require_finite(embedded, name, [&](int64_t row) { return name_of(batch, row); });
    if (images.labels.empty()) {
      images.embeddings.values.reserve(static_cast<size_t>(loader.images() * embedded.columns));
    }
    images.embeddings.append(embedded);
    images.labels.insert(images.labels.end(), batch.labels.begin(), batch.labels.end());
    std::ranges::move(batch.names, std::back_inserter(images.names));
    if (bar) bar->advance(batch.size);
  }
  if (images.labels.empty()) throw InputError("retrieval", "not one image could be read", "see the warnings above");
  return images;
}

EmbeddedImages with_distractors(EmbeddedImages images, const Matrix& distractors) {
  if (distractors.columns != images.embeddings.columns) {
    throw UsageError("distractors", concat("have embeddings of ", distractors.columns, " values, the images of ",
                                           images.embeddings.columns));
  }
  images.embeddings.append(distractors);
  images.labels.resize(images.labels.size() + static_cast<size_t>(distractors.rows), kDistractor);
  return images;
}

RetrievalResult measure_retrieval(const EmbeddedImages& images, Similarity similarity,
                                  const std::vector<int64_t>& recall_at) {
  if (recall_at.empty()) throw UsageError("`recall_at`", "names no k");
  for (const int64_t k : recall_at) {
    if (k < 1) throw UsageError("`recall_at`", concat(k, " is below 1"));
  }
  const auto count = static_cast<int64_t>(images.labels.size());
  std::vector<int64_t> queries;
  for (int64_t row = 0; row < count; ++row) {
    if (images.labels[static_cast<size_t>(row)] != kDistractor) queries.push_back(row);
  }
  RetrievalResult result;
  result.queries = static_cast<int64_t>(queries.size());
  result.distractors = count - result.queries;
  result.embedding_size = images.embeddings.columns;
  result.similarity = similarity;
  if (result.queries == 0) throw UsageError("retrieval", "all images are distractors: there is nothing to query");
  const int64_t most = *std::max_element(recall_at.begin(), recall_at.end());
  if (most >= count) {
    throw UsageError(concat("`recall_at` ", most),
                     concat("the index holds ", count, " images, each query has ", count - 1, " others"),
                     concat("ask for at most ", count - 1));
  }
  RetrievalMeter meter(images.labels, recall_at);
  const int64_t looked_at = std::max(most, meter.most_matches());
  const auto part = static_cast<size_t>(std::max<int64_t>(kMostNeighbours / looked_at, 1));
  const std::span<const int64_t> all = queries;
  for (size_t begin = 0; begin < all.size(); begin += part) {
    const auto some = all.subspan(begin, std::min(part, all.size() - begin));
    const std::vector<int64_t> neighbours =
        nearest_others(images.embeddings, some, {.similarity = similarity, .k = looked_at});
    for (size_t q = 0; q < some.size(); ++q) {
      meter.add(some[q],
                std::span(neighbours).subspan(q * static_cast<size_t>(looked_at), static_cast<size_t>(looked_at)));
    }
  }
  meter.write(result);
  return result;
}

nlohmann::ordered_json to_json(const RetrievalResult& result) {
  nlohmann::ordered_json json{{"images", result.queries},
                              {"classes", result.classes},
                              {"distractors", result.distractors},
                              {"images_without_match", result.without_match},
                              {"embedding_size", result.embedding_size},
                              {"similarity", similarity_name(result.similarity)}};
  for (const auto& [k, share] : result.recall) json[concat("recall@", k)] = share;
  json["map@r"] = result.map_at_r;
  return json;
}

std::string to_text(const RetrievalResult& result) {
  std::vector<std::vector<std::string>> rows{
      {"images", "classes", "distractors", "without match", "embedding", "similarity"},
      {std::to_string(result.queries), std::to_string(result.classes), std::to_string(result.distractors),
       std::to_string(result.without_match), std::to_string(result.embedding_size),
       similarity_name(result.similarity)}};
  for (const auto& [k, share] : result.recall) {
    rows[0].push_back(concat("recall@", k));
    rows[1].push_back(format_number(100 * share, 2) + " %");
  }
  rows[0].push_back("map@r");
  rows[1].push_back(format_number(100 * result.map_at_r, 2) + " %");
  return format_table(rows);
}

}  // namespace assemble
