// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/nearest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/core/thread_pool.h"
#include "panel_product.h"

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
  Space(const Matrix& embeddings, Similarity similarity)
      : embeddings_(embeddings), similarity_(similarity), count_(embeddings.rows), width_(embeddings.columns) {
    measure_norms();
    find_centre();
    fill_filter();
  }

  int64_t count() const { return count_; }
  /// A row of the picture.
  void copy_filter(int64_t row, std::span<float> values) const {
    for (int64_t i = 0; i < width_; ++i) values[static_cast<size_t>(i)] = filter_[place(row, i)];
  }
  /// Rows kPanel · number … of the picture, as multiply_panel() takes them.
  const float* panel(int64_t number) const { return filter_.data() + number * width_ * kPanel; }
  int64_t width() const { return width_; }
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
  size_t place(int64_t row, int64_t i) const {
    return static_cast<size_t>((row / kPanel * width_ + i) * kPanel + row % kPanel);
  }
  const float* values(int64_t row) const { return embeddings_.row(row).data(); }
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
    filter_.resize(static_cast<size_t>((count_ + kPanel - 1) / kPanel * kPanel * width_));
    for (int64_t row = 0; row < count_; ++row) {
      for (int64_t i = 0; i < width_; ++i) filter_[place(row, i)] = static_cast<float>(shifted(row, i) / scale);
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

  const Matrix& embeddings_;
  Similarity similarity_;
  int64_t count_;
  int64_t width_;
  double largest_ = 0;  // norm of an embedding (of a normalised one under cosine)
  double square_ = 0;   // largest squared norm after the shift
  std::vector<double> inverse_, centre_, norms_, offset_;
  std::vector<float> bias_;
  std::vector<float> filter_;  // in panels of kPanel rows, each [width, kPanel]
};

/// The k best of what was offered; offers must come in ascending order of their rows.
class Shortlist {
 public:
  explicit Shortlist(int64_t k) : size_(static_cast<size_t>(k)) {}

  /// What an offer must surpass.
  double least() const {
    return entries_.size() < size_ ? -std::numeric_limits<double>::infinity() : entries_.front().similarity;
  }
  /// @return whether it was taken
  bool offer(double similarity, int64_t row) {
    if (!(similarity > least())) return false;
    if (entries_.size() == size_) {
      std::ranges::pop_heap(entries_, is_better);
      entries_.pop_back();
    }
    entries_.push_back({similarity, row});
    std::ranges::push_heap(entries_, is_better);
    return true;
  }
  /// Best first. Nothing may be offered afterwards.
  void write(int64_t* rows) {
    std::ranges::sort(entries_, is_better);
    for (const Entry& entry : entries_) *rows++ = entry.row;
  }

 private:
  struct Entry {
    double similarity;
    int64_t row;
  };
  static bool is_better(const Entry& a, const Entry& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.row < b.row;
  }

  size_t size_;
  std::vector<Entry> entries_;  // a heap, the worst in front
};

/// Offers a query the rows of a tile whose scores may reach its shortlist.
void offer_row(const Space& space, const Space::Tile& tile, const float* scores, int64_t query, Shortlist& shortlist) {
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

/// The same for several queries: their scores are a product of matrices, which threads share by the queries.
void offer_tile(const Space& space, const Space::Tile& tile, std::span<const int64_t> queries,
                std::vector<Shortlist>& shortlists, ThreadPool& pool) {
  constexpr int64_t kQueries = 16;  // a thread takes at a time
  const auto count = static_cast<int64_t>(queries.size());
  const int64_t first_panel = tile.begin / kPanel, panels = (tile.end + kPanel - 1) / kPanel - first_panel;
  pool.parallel_for((count + kQueries - 1) / kQueries, [&](int64_t part) {
    const int64_t begin = part * kQueries, end = std::min(begin + kQueries, count);
    Matrix picked(end - begin, space.width()), scores(end - begin, panels * kPanel);
    for (int64_t q = begin; q < end; ++q) {
      space.copy_filter(queries[static_cast<size_t>(q)], picked.row(q - begin));
    }
    for (int64_t p = 0; p < panels; ++p) {
      multiply_panel(picked.values.data(), picked.rows, picked.columns, space.panel(first_panel + p),
                     scores.values.data() + p * kPanel, scores.columns);
    }
    for (int64_t q = begin; q < end; ++q) {
      const auto query = static_cast<size_t>(q);
      const float* of_query = scores.row(q - begin).data() + (tile.begin - first_panel * kPanel);
      offer_row(space, tile, of_query, queries[query], shortlists[query]);
    }
  });
}

void check(const Matrix& embeddings, std::span<const int64_t> queries, const NearestOptions& options) {
  if (options.query_tile < 1 || options.index_tile < 1) throw UsageError("tile", "must be at least 1");
  const int64_t count = embeddings.rows;
  if (options.k < 1 || options.k >= count) {
    throw UsageError(concat("k = ", options.k),
                     concat("expected 1…", std::max<int64_t>(count - 1, 0), ": the index holds ", count,
                            " embeddings, the query among them"),
                     "ask for fewer neighbours");
  }
  if (queries.empty()) return;
  const auto [low, high] = std::ranges::minmax(queries);
  if (low < 0 || high >= count) {
    throw UsageError("queries", concat("rows ", low, "…", high, " of ", count, " embeddings"));
  }
}

}  // namespace

Similarity parse_similarity(const std::string& name) { return kSimilarities.parse(name); }

const char* similarity_name(Similarity similarity) { return kSimilarities.name(similarity); }

std::vector<int64_t> nearest_others(const Matrix& embeddings, std::span<const int64_t> queries,
                                    const NearestOptions& options) {
  check(embeddings, queries, options);
  const Space space(embeddings, options.similarity);
  std::vector<Space::Tile> tiles;
  for (int64_t begin = 0; begin < space.count(); begin += options.index_tile) {
    tiles.push_back(space.tile(begin, std::min(begin + options.index_tile, space.count())));
  }
  std::vector<int64_t> result(queries.size() * static_cast<size_t>(options.k));
  ThreadPool pool(available_cores());
  const auto all = static_cast<int64_t>(queries.size());
  for (int64_t first = 0; first < all; first += options.query_tile) {
    const int64_t count = std::min(options.query_tile, all - first);
    std::vector<Shortlist> shortlists(static_cast<size_t>(count), Shortlist(options.k));
    for (const Space::Tile& tile : tiles) {
      offer_tile(space, tile, queries.subspan(static_cast<size_t>(first), static_cast<size_t>(count)), shortlists,
                 pool);
    }
    for (int64_t q = 0; q < count; ++q) {
      shortlists[static_cast<size_t>(q)].write(result.data() + (first + q) * options.k);
    }
  }
  return result;
}

}  // namespace assemble
