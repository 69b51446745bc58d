// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/retrieval.h"

#include <algorithm>
#include <map>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/eval/classification.h"
#include "assemble/nn/eval_mode.h"

namespace assemble {
namespace {

/// Place of the first neighbour of the query's class, from 0; `neighbours.size(1)` when there is none.
std::vector<int64_t> first_matches(const torch::Tensor& queries, const torch::Tensor& neighbours,
                                   const torch::Tensor& labels) {
  const auto label = labels.accessor<int64_t, 1>();
  const auto query = queries.accessor<int64_t, 1>();
  const auto rows = neighbours.accessor<int64_t, 2>();
  std::vector<int64_t> places;
  for (int64_t q = 0; q < query.size(0); ++q) {
    int64_t place = 0;
    while (place < rows.size(1) && label[rows[q][place]] != label[query[q]]) ++place;
    places.push_back(place);
  }
  return places;
}

void count_classes(const torch::Tensor& labels, RetrievalResult& result) {
  std::map<int64_t, int64_t> images;
  const auto label = labels.accessor<int64_t, 1>();
  for (int64_t i = 0; i < label.size(0); ++i) {
    if (label[i] != kDistractor) ++images[label[i]];
  }
  result.classes = static_cast<int64_t>(images.size());
  result.without_match = std::count_if(images.begin(), images.end(), [](const auto& c) { return c.second == 1; });
}

}  // namespace

EmbeddedImages embed_images(ClassifierImpl& model, Loader& loader, torch::Device device, Precision precision,
                            const std::string& progress) {
  torch::NoGradGuard no_grad;
  const nn::EvalMode evaluating(model);
  std::optional<Progress> bar;
  if (!progress.empty()) bar.emplace(progress, loader.images(), "images");
  torch::Tensor embeddings;
  const torch::Tensor labels = torch::empty({loader.images()}, torch::kLong);
  Batch batch;
  int64_t done = 0;
  loader.start(0);
  while (loader.next(batch)) {
    const AutocastGuard autocast(device, precision);
    const torch::Tensor embedded = model.embed(image_tensor(batch, device)).to(torch::kCPU, torch::kFloat32);
    require_finite(embedded, model.arch().str(), [&](int64_t row) { return name_of(loader, batch, row); });
    if (!embeddings.defined()) embeddings = torch::empty({loader.images(), embedded.size(1)});
    embeddings.narrow(0, done, batch.size).copy_(embedded);
    labels.narrow(0, done, batch.size).copy_(torch::from_blob(batch.labels.data(), {batch.size}, torch::kLong));
    done += batch.size;
    if (bar) bar->advance(batch.size);
  }
  if (done == 0) throw InputError("retrieval", "not one image could be read", "see the warnings above");
  return {embeddings.narrow(0, 0, done), labels.narrow(0, 0, done)};
}

EmbeddedImages with_distractors(const EmbeddedImages& images, const torch::Tensor& distractors) {
  if (distractors.dim() != 2 || distractors.size(1) != images.embeddings.size(1)) {
    throw UsageError("distractors", concat("have embeddings of shape ", distractors.sizes(), ", the images of ",
                                           images.embeddings.sizes()));
  }
  return {torch::cat({images.embeddings, distractors}),
          torch::cat({images.labels, torch::full({distractors.size(0)}, kDistractor, torch::kLong)})};
}

RetrievalResult measure_retrieval(const EmbeddedImages& images, Similarity similarity,
                                  const std::vector<int64_t>& recall_at) {
  if (recall_at.empty()) throw UsageError("--recall-at", "names no k");
  for (const int64_t k : recall_at) {
    if (k < 1) throw UsageError("--recall-at", concat(k, " is below 1"));
  }
  const torch::Tensor labels = images.labels.contiguous();
  const torch::Tensor queries = labels.ne(kDistractor).nonzero().flatten();
  RetrievalResult result;
  result.queries = queries.numel();
  result.distractors = labels.numel() - result.queries;
  result.embedding_size = images.embeddings.size(1);
  result.similarity = similarity;
  if (result.queries == 0) throw UsageError("retrieval", "all images are distractors: there is nothing to query");
  count_classes(labels, result);
  const int64_t most = *std::max_element(recall_at.begin(), recall_at.end());
  if (most >= labels.numel()) {
    throw UsageError(
        concat("--recall-at ", most),
        concat("the index holds ", labels.numel(), " images, each query has ", labels.numel() - 1, " others"),
        concat("ask for at most ", labels.numel() - 1));
  }
  const torch::Tensor neighbours = nearest_others(images.embeddings, queries, {.similarity = similarity, .k = most});
  const std::vector<int64_t> places = first_matches(queries, neighbours, labels);
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
