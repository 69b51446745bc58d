// SPDX-License-Identifier: Apache-2.0
// The outputs of networks that others wrote, as logits.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/text.h"
#include "assemble/deploy/foreign_model.h"

namespace assemble {
namespace {

/// Of the sum of probabilities from 1: a softmax in half precision is that far off.
constexpr double kHalfPrecision = 0.02;
/// Of one in f32. Logits that are all positive and meet it are none.
constexpr double kSinglePrecision = 1e-4;

/// Whether values are probabilities that add up to 1.
bool are_probabilities(std::span<const float> values, double tolerance) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return std::abs(sum - 1) <= tolerance && std::ranges::all_of(values, [](float value) { return value >= 0; });
}

class ForeignEngine : public Engine {
 public:
  ForeignEngine(std::unique_ptr<Engine> engine, const ForeignModel& model, std::string where)
      : engine_(std::move(engine)),
        kind_(model.output),
        offset_(model.label_offset),
        temperature_(model.temperature),
        where_(std::move(where)) {
    if (engine_->outputs() == model.outputs()) return;
    throw InputError(where_, concat("gives ", engine_->outputs(), " outputs an image, expected ", model.outputs()),
                     "correct its class names or label-offset in the .toml file beside it");
  }

  Matrix run(const Images& images) override {
    const Matrix given = engine_->run(images);
    Matrix logits(given.rows, outputs());
    for (int64_t row = 0; row < given.rows; ++row) {
      const std::span<const float> from = given.row(row);
      check_kind(from);
      const std::span<const float> kept = from.subspan(static_cast<size_t>(offset_));
      std::ranges::transform(kept, logits.row(row).begin(), [this](float value) { return to_logit(value); });
    }
    return logits;
  }

  int64_t outputs() const override { return engine_->outputs() - offset_; }
  int64_t image_size() const override { return engine_->image_size(); }
  std::string description() const override { return engine_->description(); }
  Precision precision() const override { return engine_->precision(); }

 private:
  void check_kind(std::span<const float> values) const {
    if (values.size() < 2 || !all_finite(values)) return;
    if (kind_ == OutputKind::kSoftmax && !are_probabilities(values, kHalfPrecision)) {
      throw InputError(where_,
                       "its output is said to be a softmax, but is none: the values of an image do not add up to 1",
                       "set output = \"logits\" in the .toml file beside it, or give `output_kind` logits");
    }
    if (kind_ == OutputKind::kLogits && are_probabilities(values, kSinglePrecision)) {
      throw InputError(where_, "its output is said to be logits, but the values of an image are probabilities",
                       "set output = \"softmax\" in the .toml file beside it, or give `output_kind` softmax");
    }
  }

  float to_logit(float value) const {
    const bool is_logit = kind_ == OutputKind::kLogits || std::isnan(value);
    const float logit = is_logit ? value : std::log(std::max(value, std::numeric_limits<float>::min()));
    return temperature_ == 1 ? logit : static_cast<float>(logit / temperature_);
  }

  std::unique_ptr<Engine> engine_;
  OutputKind kind_;
  int64_t offset_;
  double temperature_;
  std::string where_;
};

}  // namespace

std::unique_ptr<Engine> as_logits(std::unique_ptr<Engine> engine, const ForeignModel& model, const std::string& where) {
  return std::make_unique<ForeignEngine>(std::move(engine), model, where);
}

}  // namespace assemble
