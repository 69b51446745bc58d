// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/flat_answers.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "assemble/core/log.h"
#include "assemble/core/text.h"

namespace assemble {

std::string flat_answers(const Matrix& logits) {
  constexpr int64_t kHandful = 4;
  constexpr double kSame = 1e-3;     // of the range of an image's logits
  constexpr double kUniform = 0.99;  // of the entropy of classes that are all as likely
  if (logits.rows < kHandful || logits.columns < 2) return "";
  const auto [least, largest] = std::ranges::minmax(logits.row(0));
  float difference = 0;
  double entropy = 0;
  for (int64_t i = 0; i < logits.rows; ++i) {
    const std::span<const float> row = logits.row(i);
    const float top = std::ranges::max(row);
    double sum = 0, weighted = 0;
    for (size_t c = 0; c < row.size(); ++c) {
      difference = std::max(difference, std::abs(row[c] - logits.row(0)[c]));
      const double power = std::exp(row[c] - top);
      sum += power;
      weighted += power * (row[c] - top);
    }
    entropy += std::log(sum) - weighted / sum;
  }
  entropy /= static_cast<double>(logits.rows) * std::log(static_cast<double>(logits.columns));
  const std::string of = concat(" for the first ", logits.rows, " images (are they made as it needs them?)");
  if (difference <= kSame * (largest - least)) return "the same" + of;
  return entropy >= kUniform ? "all classes are about as likely" + of : "";
}

namespace {

/// Looks at the answers to the first images until there are enough.
class AnswerWatch {
 public:
  explicit AnswerWatch(const std::string& name) : name_(name) {}

  void see(const Matrix& logits) {
    constexpr int64_t kEnough = 4, kMost = 32;
    const std::lock_guard lock(mutex_);
    if (done_) return;
    for (int64_t row = 0; row < logits.rows && seen_.rows < kMost; ++row) {
      Matrix one(1, logits.columns);
      std::ranges::copy(logits.row(row), one.row(0).begin());
      seen_.append(one);
    }
    if (seen_.rows < kEnough) return;
    done_ = true;
    if (const std::string what = flat_answers(seen_); !what.empty())
      log_warning(concat(name_, ": its answers: ", what));
  }

 private:
  const std::string name_;
  std::mutex mutex_;
  Matrix seen_;
  bool done_ = false;
};

}  // namespace

Network watched(Network network, const std::string& name) {
  return [network = std::move(network), watch = std::make_shared<AnswerWatch>(name)](const Images& images) {
    Matrix logits = network(images);
    watch->see(logits);
    return logits;
  };
}

}  // namespace assemble
