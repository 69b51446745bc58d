// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/array.h"

#include <functional>
#include <numeric>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

int64_t product(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

Array::Array(std::vector<int64_t> shape, std::vector<float> values) : shape_(std::move(shape)) {
  const auto owner = std::make_shared<const std::vector<float>>(std::move(values));
  if (product(shape_) != static_cast<int64_t>(owner->size())) {
    throw UsageError("array", concat("of shape ", show_shape(shape_), " cannot hold ", owner->size(), " values"));
  }
  values_ = owner->data();
  owner_ = owner;
}

Array::Array(std::vector<int64_t> shape, const float* values, std::shared_ptr<const void> owner)
    : shape_(std::move(shape)), values_(values), owner_(std::move(owner)) {}

int64_t Array::count() const { return product(shape_); }

std::span<const float> Array::row(int64_t index) const {
  const int64_t length = shape_.at(0) == 0 ? 0 : count() / shape_[0];
  return values().subspan(static_cast<size_t>(index * length), static_cast<size_t>(length));
}

Array Array::rows(int64_t begin, int64_t end) const {
  Array part = *this;
  part.values_ += begin * (shape_.at(0) == 0 ? 0 : count() / shape_[0]);
  part.shape_[0] = end - begin;
  return part;
}

Array Array::reshaped(std::vector<int64_t> shape) const {
  if (product(shape) != count()) {
    throw UsageError("array", concat("of shape ", show_shape(shape_), " cannot become ", show_shape(shape)));
  }
  Array same = *this;
  same.shape_ = std::move(shape);
  return same;
}

void Matrix::append(const Matrix& more) {
  if (rows > 0 && more.columns != columns) {
    throw UsageError("matrix", concat("has ", columns, " columns, what is added ", more.columns));
  }
  columns = more.columns;
  rows += more.rows;
  values.insert(values.end(), more.values.begin(), more.values.end());
}

Images Images::part(int64_t begin, int64_t end) const {
  Images part = *this;
  part.count = end - begin;
  std::visit([&](auto& first) { first += begin * values_per_image(); }, part.pixels);
  return part;
}

}  // namespace assemble
