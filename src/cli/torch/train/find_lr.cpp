// SPDX-License-Identifier: Apache-2.0
#include "torch/train/find_lr.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"
#include "torch/train/trial.h"

namespace assemble::cli {
namespace {

constexpr double kFirst = 1e-6, kLast = 10;
constexpr int64_t kSteps = 141;     // 20 a decade
constexpr double kSmoothing = 0.9;  // of the losses' moving average
constexpr double kDiverged = 4;     // times the least loss
constexpr size_t kFewestLosses = 21;
constexpr double kClearFall = 1;  // of the spread of the first losses

double growth() { return std::pow(kLast / kFirst, 1. / static_cast<double>(kSteps - 1)); }

class Ramp : public TrainObserver {
 public:
  explicit Ramp(LearningRateTest& test) : test_(test) {}

  void on_step(Trainer& trainer, const StepReport& step) override {
    average_ = kSmoothing * average_ + (1 - kSmoothing) * step.loss;
    weight_ = kSmoothing * weight_ + (1 - kSmoothing);
    const double loss = average_ / weight_;
    test_.rates.push_back(kFirst * std::pow(growth(), static_cast<double>(test_.rates.size())));
    test_.losses.push_back(loss);
    least_ = std::min(least_, loss);
    if (loss > kDiverged * least_ || std::ssize(test_.rates) == kSteps) trainer.stop("find-lr");
  }

 private:
  LearningRateTest& test_;
  double average_ = 0, weight_ = 0, least_ = HUGE_VAL;
};

double with_two_digits(double value) {
  const double unit = std::pow(10, std::floor(std::log10(value)) - 1);
  return std::round(value / unit) * unit;
}

}  // namespace

std::optional<double> largest_rate(const std::vector<double>& rates, const std::vector<double>& losses) {
  if (losses.size() < kFewestLosses) return std::nullopt;
  std::vector<double> first(losses.begin(), losses.begin() + static_cast<std::ptrdiff_t>(losses.size() / 7));
  std::ranges::sort(first);
  const double level = first[first.size() / 2], spread = first.back() - first.front();
  const auto least = std::ranges::min_element(losses);
  if (!(level - *least > kClearFall * spread)) return std::nullopt;
  return rates[static_cast<size_t>(least - losses.begin())];
}

LearningRateTest find_learning_rate(const Dataset& train, const Dataset& validation, const TrainOptions& options,
                                    const std::stop_token& stop) {
  TrainOptions rising = options;
  const int64_t steps_an_epoch = std::max<int64_t>(train.size() / (options.batch_size * options.accumulate), 1);
  rising.schedule = {.type = DecayType::kExponential,
                     .base = kFirst,
                     .epochs_per_decay = 1.5 / static_cast<double>(steps_an_epoch),  // a step, however it is rounded
                     .decay_factor = growth()};
  LearningRateTest test;
  Ramp ramp(test);
  try {
    run_trial(train, validation, rising, /*small=*/false, ramp, stop);
  } catch (const RunError&) {  // a loss that is no longer finite has diverged
    if (test.rates.size() < kFewestLosses || stop.stop_requested()) throw;
  }
  const std::optional<double> rate = largest_rate(test.rates, test.losses);
  if (!rate) {
    throw RunError("--find-lr", concat("the loss falls clearly at no learning rate between ", kFirst, " and ", kLast),
                   "see with --overfit-one-batch whether the network can learn from this data, or give --lr");
  }
  test.suggested = with_two_digits(*rate);
  return test;
}

}  // namespace assemble::cli
