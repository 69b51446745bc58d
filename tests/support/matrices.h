// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "assemble/core/random.h"
#include "assemble/deploy/array.h"
#include "assemble/io/safetensors.h"

namespace assemble::test {

inline Matrix matrix(const std::vector<std::vector<float>>& rows) {
  Matrix result(static_cast<int64_t>(rows.size()), rows.empty() ? 0 : static_cast<int64_t>(rows[0].size()));
  for (size_t i = 0; i < rows.size(); ++i) std::ranges::copy(rows[i], result.row(static_cast<int64_t>(i)).begin());
  return result;
}

inline Matrix filled(int64_t rows, int64_t columns, float value) {
  Matrix result(rows, columns);
  std::ranges::fill(result.values, value);
  return result;
}

/// Normal values, the same for a seed.
inline std::vector<float> normal_values(int64_t count, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(count));
  Random(seed, RandomPurpose::kDraw).fill_normal(values);
  return values;
}
inline Matrix normal_matrix(int64_t rows, int64_t columns, uint64_t seed) {
  Matrix result(rows, columns);
  result.values = normal_values(rows * columns, seed);
  return result;
}

/// A tensor [N, columns] of a file.
inline Matrix read_matrix(const SafetensorsFile& file, const std::string& name) {
  const std::vector<int64_t>& shape = file.entry(name).shape;
  Matrix result(shape.at(0), shape.at(1));
  result.values = file.read_f32(name);
  return result;
}
/// A tensor of 32 or 64 bits a number.
inline std::vector<int64_t> read_integers(const SafetensorsFile& file, const std::string& name) {
  const Bytes bytes = file.read(name);
  const auto as = [&]<typename Number>(Number) {
    std::vector<Number> numbers(bytes.size() / sizeof(Number));
    std::memcpy(numbers.data(), bytes.data(), bytes.size());
    return std::vector<int64_t>(numbers.begin(), numbers.end());
  };
  return file.entry(name).type == DataType::kI64 ? as(int64_t{}) : as(int32_t{});
}

inline bool same(const Matrix& a, const Matrix& b) {
  return a.rows == b.rows && a.columns == b.columns && a.values == b.values;
}

/// The largest difference divided by the largest magnitude of `b`.
inline double relative_difference(const Matrix& a, const Matrix& b) {
  if (a.rows != b.rows || a.columns != b.columns) {
    ADD_FAILURE() << a.rows << "×" << a.columns << " is compared with " << b.rows << "×" << b.columns;
    return INFINITY;
  }
  double difference = 0, largest = 0;
  for (size_t i = 0; i < a.values.size(); ++i) {
    const double x = a.values[i], y = b.values[i];
    if (!std::isfinite(x) || !std::isfinite(y)) return INFINITY;
    difference = std::max(difference, std::abs(x - y));
    largest = std::max(largest, std::abs(y));
  }
  return difference == 0 ? 0 : difference / largest;
}

/// Norm of the difference divided by that of `b`.
inline double relative_error(const Matrix& a, const Matrix& b) {
  double difference = 0, total = 0;
  for (size_t i = 0; i < a.values.size(); ++i) {
    const double x = a.values[i], y = b.values[i];
    difference += (x - y) * (x - y);
    total += y * y;
  }
  return std::sqrt(difference / total);
}

}  // namespace assemble::test
