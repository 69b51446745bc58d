// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

namespace assemble {

/// f32 values, row-major: weights of a graph. Copies share their memory, which never changes once it is made.
class Array {
 public:
  /// Not there, as the bias of a convolution without one.
  Array() = default;
  /// @throws UsageError when the values are not as many as the shape says
  Array(std::vector<int64_t> shape, std::vector<float> values);
  /// Borrows memory of someone else. @param owner keeps `values` alive
  Array(std::vector<int64_t> shape, const float* values, std::shared_ptr<const void> owner);

  bool defined() const { return owner_ != nullptr; }
  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t size(size_t dimension) const { return shape_.at(dimension); }
  int64_t count() const;
  std::span<const float> values() const { return {values_, static_cast<size_t>(count())}; }
  const float* data() const { return values_; }
  /// Values of one place in the first dimension.
  std::span<const float> row(int64_t index) const;
  /// Places begin … end - 1 of the first dimension, in the same memory.
  Array rows(int64_t begin, int64_t end) const;
  /// The same values in another shape. @throws UsageError when it holds another number
  Array reshaped(std::vector<int64_t> shape) const;

 private:
  std::vector<int64_t> shape_{0};
  const float* values_ = nullptr;
  std::shared_ptr<const void> owner_;
};

/// Rows of f32: a network's outputs, one row an image.
struct Matrix {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<float> values;

  Matrix() = default;
  Matrix(int64_t row_count, int64_t column_count)
      : rows(row_count), columns(column_count), values(static_cast<size_t>(row_count * column_count)) {}

  std::span<float> row(int64_t index) { return {values.data() + index * columns, static_cast<size_t>(columns)}; }
  std::span<const float> row(int64_t index) const {
    return {values.data() + index * columns, static_cast<size_t>(columns)};
  }
  /// Adds the rows of another one of as many columns; of any number when it has no rows itself.
  void append(const Matrix& more);
};

/// Images of one size, one after the other, as rows of pixels of three channels (NHWC). Borrows their memory.
struct Images {
  int64_t count = 0;
  int64_t height = 0, width = 0;
  /// As the network takes them; bytes are RGB, for networks whose preprocessing is inside.
  std::variant<const float*, const uint8_t*> pixels = static_cast<const float*>(nullptr);

  static constexpr int64_t kChannels = 3;
  int64_t values_per_image() const { return height * width * kChannels; }
  bool bytes() const { return std::holds_alternative<const uint8_t*>(pixels); }
  /// Images begin … end - 1.
  Images part(int64_t begin, int64_t end) const;
};

}  // namespace assemble
