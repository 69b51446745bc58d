// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/nearest.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "assemble/core/error.h"

namespace assemble {
namespace {

constexpr double kLeastSquare = 1e-12;
constexpr double kUnitF32 = 0x1p-24;  // largest relative error of rounding to f32
constexpr double kUnitF64 = 0x1p-53;
constexpr int64_t kBlock = 64;  // scores looked at together

/// Σ term(i) over [0, n) in double. Eight running sums, which the compiler keeps in vector registers.
template <typename Term>
double sum(int64_t n, Term term) {
  std::array<double, 8> sums{};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t lane = 0; lane < 8; ++lane) sums[static_cast<size_t>(lane)] += term(i + lane);
  }
  for (; i < n; ++i) sums[0] += term(i);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/// Embeddings, their exact similarity, and a picture of them in f32 for the filter: shifted by their mean and divided
/// by the largest norm left. There, for a given query q, similarity(q, p) = square · (q'·p' + bias_p) + offset_q.
class Space {
 public:
  Space(const torch::Tensor& embeddings, Similarity similarity)
      : embeddings_(embeddings.contiguous()),
        similarity_(similarity),
        count_(embeddings_.size(0)),
        width_(embeddings_.size(1)) {
    measure_norms();
    find_centre();
    fill_filter();
  }

  int64_t count() const { return count_; }
  const torch::Tensor& filter() const { return filter_; }
  const float* biases() const { return bias_.data(); }

  double similarity(int64_t a, int64_t b) const {
    const float* x = values(a);
    const float* y = values(b);
    if (similarity_ == Similarity::kEuclidean) {
      return -0.5 * sum(width_, [&](int64_t i) {
        const double difference = static_cast<double>(x[i]) - static_cast<double>(y[i]);
        return difference * difference;
      });
    }
    const double product =
        sum(width_, [&](int64_t i) { return static_cast<double>(x[i]) * static_cast<double>(y[i]); });
    return product * inverse(a) * inverse(b);
  }

  /// Largest norm and bias, in the filter, of a tile's rows.
  struct Tile {
    int64_t begin;
    int64_t end;
    double norm = 0;
    double bias = 0;
  };
  Tile tile(int64_t begin, int64_t end) const {
    Tile tile{begin, end};
    for (int64_t row = begin; row < end; ++row) {
      tile.norm = std::max(tile.norm, norms_[static_cast<size_t>(row)]);
      tile.bias = std::max(tile.bias, static_cast<double>(std::abs(bias_[static_cast<size_t>(row)])));
    }
    return tile;
  }

  /// A score in the filter below which no row of the tile reaches `similarity` with the query.
  float bound(int64_t query, double similarity, const Tile& tile) const {
    if (similarity == -std::numeric_limits<double>::infinity()) return -std::numeric_limits<float>::infinity();
    // Products of rounded factors added up in any order, then the bias: at most width + 8 roundings deep.
    const double depth = 1.02 * static_cast<double>(width_ + 8);
    const double rounding = depth * kUnitF32 * (norms_[static_cast<size_t>(query)] * tile.norm + tile.bias) +
                            32 * depth * kUnitF64 * largest_ * largest_ / square_ + std::numeric_limits<float>::min();
    const double score = (similarity - offset_[static_cast<size_t>(query)]) / square_ - rounding;
    return std::nextafter(static_cast<float>(score), -std::numeric_limits<float>::infinity());
  }

 private:
  const float* values(int64_t row) const { return embeddings_.data_ptr<float>() + row * width_; }
  double inverse(int64_t row) const { return inverse_.empty() ? 1 : inverse_[static_cast<size_t>(row)]; }

  void measure_norms() {
    if (similarity_ == Similarity::kCosine) inverse_.resize(static_cast<size_t>(count_));
    for (int64_t row = 0; row < count_; ++row) {
      const float* x = values(row);
      const double square =
          sum(width_, [&](int64_t i) { return static_cast<double>(x[i]) * static_cast<double>(x[i]); });
      if (!std::isfinite(square)) {
        throw InputError(concat("embedding ", row), "holds values that are not finite",
                         "the model diverged or its file is damaged");
      }
      if (!inverse_.empty()) inverse_[static_cast<size_t>(row)] = 1 / std::sqrt(std::max(square, kLeastSquare));
      largest_ = std::max(largest_, std::sqrt(square) * inverse(row));
    }
  }

  void find_centre() {
    centre_.assign(static_cast<size_t>(width_), 0);
    for (int64_t row = 0; row < count_; ++row) {
      for (int64_t i = 0; i < width_; ++i) {
        centre_[static_cast<size_t>(i)] += static_cast<double>(values(row)[i]) * inverse(row);
      }
    }
    for (double& value : centre_) value /= static_cast<double>(count_);
  }

  double shifted(int64_t row, int64_t i) const {
    return static_cast<double>(values(row)[i]) * inverse(row) - centre_[static_cast<size_t>(i)];
  }

  void fill_filter() {
    norms_.reserve(static_cast<size_t>(count_));
    bias_.reserve(static_cast<size_t>(count_));
    offset_.reserve(static_cast<size_t>(count_));
    for (int64_t row = 0; row < count_; ++row) {
      const double square = sum(width_, [&](int64_t i) { return shifted(row, i) * shifted(row, i); });
      norms_.push_back(std::sqrt(square));
      square_ = std::max(square_, square);
    }
    if (square_ == 0) square_ = 1;
    const double scale = std::sqrt(square_);
    filter_ = torch::empty({count_, width_});
    float* out = filter_.data_ptr<float>();
    for (int64_t row = 0; row < count_; ++row) {
      for (int64_t i = 0; i < width_; ++i) out[row * width_ + i] = static_cast<float>(shifted(row, i) / scale);
      double& norm = norms_[static_cast<size_t>(row)];
      norm /= scale;
      const double centred = sum(width_, [&](int64_t i) { return centre_[static_cast<size_t>(i)] * shifted(row, i); });
      const double of_centre = sum(width_, [&](int64_t i) {
        return centre_[static_cast<size_t>(i)] * static_cast<double>(values(row)[i]) * inverse(row);
      });
      const bool cosine = similarity_ == Similarity::kCosine;
      bias_.push_back(static_cast<float>(cosine ? centred / square_ : -0.5 * norm * norm));
      offset_.push_back(cosine ? of_centre : -0.5 * norm * norm * square_);
    }
  }

  torch::Tensor embeddings_;
  Similarity similarity_;
  int64_t count_;
  int64_t width_;
  double largest_ = 0;  // norm of an embedding (of a normalised one under cosine)
  double square_ = 0;   // largest squared norm after the shift
  std::vector<double> inverse_, centre_, norms_, offset_;
  std::vector<float> bias_;
  torch::Tensor filter_;
};

/// The k best of what was offered; offers must come in ascending order of their rows.
class Shortlist {
 public:
  explicit Shortlist(int64_t k) : size_(static_cast<size_t>(k)) {}

  /// What an offer must surpass.
  double least() const {
    return entries_.size() < size_ ? -std::numeric_limits<double>::infinity() : entries_.back().similarity;
  }
  /// @return whether it was taken
  bool offer(double similarity, int64_t row) {
    if (!(similarity > least())) return false;
    if (entries_.size() == size_) entries_.pop_back();
    const auto place = std::upper_bound(entries_.begin(), entries_.end(), similarity,
                                        [](double s, const Entry& entry) { return s > entry.similarity; });
    entries_.insert(place, {similarity, row});
    return true;
  }
  void write(int64_t* rows) const {
    for (const Entry& entry : entries_) *rows++ = entry.row;
  }

 private:
  struct Entry {
    double similarity;
    int64_t row;
  };
  size_t size_;
  std::vector<Entry> entries_;
};

/// Offers a query the rows of a tile whose scores may reach its shortlist.
void offer_tile(const Space& space, const Space::Tile& tile, const float* scores, int64_t query, Shortlist& shortlist) {
  const float* biases = space.biases() + tile.begin;
  const int64_t count = tile.end - tile.begin;
  float bound = space.bound(query, shortlist.least(), tile);
  for (int64_t block = 0; block < count; block += kBlock) {
    const int64_t stop = std::min(block + kBlock, count);
    int reached = 0;
    for (int64_t i = block; i < stop; ++i) reached |= scores[i] + biases[i] >= bound;
    if (!reached) continue;
    for (int64_t i = block; i < stop; ++i) {
      const int64_t row = tile.begin + i;
      if (row == query || !(scores[i] + biases[i] >= bound)) continue;
      if (shortlist.offer(space.similarity(query, row), row)) bound = space.bound(query, shortlist.least(), tile);
    }
  }
}

void check(const torch::Tensor& embeddings, const torch::Tensor& queries, const NearestOptions& options) {
  if (embeddings.dim() != 2 || embeddings.scalar_type() != torch::kFloat32 || !embeddings.is_cpu()) {
    throw UsageError("embeddings",
                     concat("expected f32 [N, E] on the CPU, got ", embeddings.toString(), " ", embeddings.sizes()));
  }
  if (options.query_tile < 1 || options.index_tile < 1) throw UsageError("tile", "must be at least 1");
  const int64_t count = embeddings.size(0);
  if (options.k < 1 || options.k >= count) {
    throw UsageError(concat("k = ", options.k),
                     concat("expected 1…", std::max<int64_t>(count - 1, 0), ": the index holds ", count,
                            " embeddings, the query among them"),
                     "ask for fewer neighbours");
  }
  if (queries.numel() == 0) return;
  const int64_t low = queries.min().item<int64_t>(), high = queries.max().item<int64_t>();
  if (low < 0 || high >= count) {
    throw UsageError("queries", concat("rows ", low, "…", high, " of ", count, " embeddings"));
  }
}

}  // namespace

Similarity parse_similarity(const std::string& name) { return kSimilarities.parse(name); }
const char* similarity_name(Similarity similarity) { return kSimilarities.name(similarity); }

torch::Tensor nearest_others(const torch::Tensor& embeddings, const torch::Tensor& queries,
                             const NearestOptions& options) {
  torch::NoGradGuard no_grad;
  check(embeddings, queries, options);
  const Space space(embeddings, options.similarity);
  const torch::Tensor rows = queries.contiguous();
  torch::Tensor result = torch::empty({rows.numel(), options.k}, torch::kLong);
  std::vector<Space::Tile> tiles;
  for (int64_t begin = 0; begin < space.count(); begin += options.index_tile) {
    tiles.push_back(space.tile(begin, std::min(begin + options.index_tile, space.count())));
  }
  const torch::Tensor buffer =
      torch::empty({std::min(options.query_tile, rows.numel()) * std::min(options.index_tile, space.count())});
  for (int64_t first = 0; first < rows.numel(); first += options.query_tile) {
    const int64_t count = std::min(options.query_tile, rows.numel() - first);
    const int64_t* wanted = rows.data_ptr<int64_t>() + first;
    const torch::Tensor picked = space.filter().index_select(0, rows.narrow(0, first, count));
    std::vector<Shortlist> shortlists(static_cast<size_t>(count), Shortlist(options.k));
    for (const Space::Tile& tile : tiles) {
      const int64_t width = tile.end - tile.begin;
      torch::Tensor scores = buffer.narrow(0, 0, count * width).view({count, width});
      torch::mm_out(scores, picked, space.filter().narrow(0, tile.begin, width).t());
      at::parallel_for(0, count, 1, [&](int64_t from, int64_t to) {
        for (int64_t q = from; q < to; ++q) {
          offer_tile(space, tile, scores.data_ptr<float>() + q * width, wanted[q], shortlists[static_cast<size_t>(q)]);
        }
      });
    }
    for (int64_t q = 0; q < count; ++q) {
      shortlists[static_cast<size_t>(q)].write(result.data_ptr<int64_t>() + (first + q) * options.k);
    }
  }
  return result;
}

}  // namespace assemble
