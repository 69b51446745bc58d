// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/retrieval.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

/// Place of the first neighbour of the query's class, from 0; k when there is none.
/// @param neighbours k of each query
std::vector<int64_t> first_matches(std::span<const int64_t> queries, std::span<const int64_t> neighbours, int64_t k,
                                   std::span<const int64_t> labels) {
  std::vector<int64_t> places;
  for (size_t q = 0; q < queries.size(); ++q) {
    const auto of_query = neighbours.subspan(q * static_cast<size_t>(k), static_cast<size_t>(k));
    const int64_t label = labels[static_cast<size_t>(queries[q])];
    const auto match = std::ranges::find(of_query, label, [&](int64_t row) { return labels[static_cast<size_t>(row)]; });
    places.push_back(match - of_query.begin());
  }
  return places;
}

void count_classes(std::span<const int64_t> labels, RetrievalResult& result) {
  std::map<int64_t, int64_t> images;
  for (const int64_t label : labels) {
    if (label != kDistractor) ++images[label];
  }
  result.classes = static_cast<int64_t>(images.size());
  result.without_match = std::count_if(images.begin(), images.end(), [](const auto& c) { return c.second == 1; });
}

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
    require_finite(embedded, name, [&](int64_t row) { return name_of(loader, batch, row); });
    if (images.labels.empty()) {
      images.embeddings.values.reserve(static_cast<size_t>(loader.images() * embedded.columns));
    }
    images.embeddings.append(embedded);
    images.labels.insert(images.labels.end(), batch.labels.begin(), batch.labels.end());
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
  count_classes(images.labels, result);
  const int64_t most = *std::max_element(recall_at.begin(), recall_at.end());
  if (most >= count) {
    throw UsageError(
        concat("`recall_at` ", most),
        concat("the index holds ", count, " images, each query has ", count - 1, " others"),
        concat("ask for at most ", count - 1));
  }
  const auto neighbours = nearest_others(images.embeddings, queries, {.similarity = similarity, .k = most});
  const std::vector<int64_t> places = first_matches(queries, neighbours, most, images.labels);
  for (const int64_t k : recall_at) {
    const auto hits = std::count_if(places.begin(), places.end(), [k](int64_t place) { return place < k; });
    result.recall.emplace_back(k, static_cast<double>(hits) / static_cast<double>(result.queries));
  }
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
  return format_table(rows);
}

}  // namespace assemble
