// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/loss_type.h"

#include <algorithm>
#include <cmath>

namespace assemble {
namespace {

/// ln(1 / (1 + e^-x))
double log_sigmoid(double x) { return std::min(x, 0.0) - std::log1p(std::exp(-std::abs(x))); }

}  // namespace

LossType parse_loss_type(const std::string& name) { return kLossTypes.parse(name); }

void log_probabilities(std::span<const float> logits, LossType loss, std::span<double> logs,
                       std::span<double> others) {
  if (loss == LossType::kSigmoid) {
    for (size_t c = 0; c < logits.size(); ++c) {
      logs[c] = log_sigmoid(logits[c]);
      if (!others.empty()) others[c] = log_sigmoid(-static_cast<double>(logits[c]));
    }
    return;
  }
  const double largest = logits.empty() ? 0 : *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  const double log_sum = largest + std::log(sum);
  for (size_t c = 0; c < logits.size(); ++c) logs[c] = logits[c] - log_sum;
}

Matrix to_probabilities(const Matrix& logits, LossType loss) {
  Matrix probabilities(logits.rows, logits.columns);
  std::vector<double> logs(static_cast<size_t>(logits.columns));
  for (int64_t i = 0; i < logits.rows; ++i) {
    log_probabilities(logits.row(i), loss, logs);
    std::ranges::transform(logs, probabilities.row(i).begin(),
                           [](double log) { return static_cast<float>(std::exp(log)); });
  }
  return probabilities;
}

}  // namespace assemble
