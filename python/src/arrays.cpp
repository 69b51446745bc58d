// SPDX-License-Identifier: Apache-2.0
#include "arrays.h"

#include <nanobind/stl/string.h>

#include <cmath>

namespace nb = nanobind;

namespace assemble::python {

namespace {

std::string text_of(nb::handle object) { return nb::cast<std::string>(nb::str(object)); }

/// The array of an argument of so many dimensions; lists and other sequences become one.
AnyArray require_array(nb::handle object, const std::string& argument, size_t dimensions, const char* expected) {
  AnyArray array;
  if (!as_array(object, array)) {
    nb::object made;
    try {
      made = nb::module_::import_("numpy").attr("asarray")(object);
    } catch (const nb::python_error&) {  // a ragged list, a tensor of a GPU
    }
    if (!made.is_valid() || !as_array(made, array)) {
      throw UsageError("`" + argument + "`", concat("is ", describe(object), ", expected ", expected));
    }
  }
  if (array.ndim() != dimensions) {
    throw UsageError("`" + argument + "`", concat("is ", describe(object), ", expected ", expected));
  }
  return array;
}

template <typename To, typename From>
std::vector<To> copy_values(const AnyArray& array) {
  const bool flat = array.ndim() == 1;
  const size_t rows = array.shape(0), columns = flat ? 1 : array.shape(1);
  const int64_t down = array.stride(0), across = flat ? 0 : array.stride(1);
  std::vector<To> values;
  values.reserve(rows * columns);
  const From* data = static_cast<const From*>(array.data());
  for (size_t y = 0; y < rows; ++y) {
    for (size_t x = 0; x < columns; ++x) {
      values.push_back(static_cast<To>(data[static_cast<int64_t>(y) * down + static_cast<int64_t>(x) * across]));
    }
  }
  return values;
}

/// @return whether the array's values are of one of the types `From`
template <typename... From, typename To>
bool convert_from(const AnyArray& array, std::vector<To>& values) {
  const auto take = [&]<typename Given>(Given) {
    const bool is = array.dtype() == nb::dtype<Given>();
    if (is) values = copy_values<To, Given>(array);
    return is;
  };
  return (take(From{}) || ...);
}

/// @return false for a kind of numbers that is not converted
template <typename To>
bool convert(const AnyArray& array, bool fractions, std::vector<To>& values) {
  return (fractions && convert_from<float, double>(array, values)) ||
         convert_from<int64_t, int32_t, int16_t, int8_t, uint32_t, uint16_t, uint8_t, bool>(array, values);
}

template <typename To>
std::vector<To> require_numbers(nb::handle object, const std::string& argument, size_t dimensions, bool fractions,
                                const char* expected, AnyArray* found = nullptr) {
  const AnyArray array = require_array(object, argument, dimensions, expected);
  std::vector<To> values;
  // An empty list is an array of float64.
  if (array.size() > 0 && !convert(array, fractions, values)) {
    throw UsageError("`" + argument + "`", concat("is ", describe(object), ", expected ", expected),
                     "convert it with numpy.asarray(…, dtype=…)");
  }
  if (found != nullptr) *found = array;
  return values;
}

}  // namespace

std::string describe(nb::handle object) {
  if (nb::hasattr(object, "dtype") && nb::hasattr(object, "shape")) {
    return concat(text_of(object.attr("dtype")), " of shape ", text_of(nb::tuple(object.attr("shape"))));
  }
  return "of type " + text_of(object.type().attr("__name__"));
}

bool as_array(nb::handle object, AnyArray& array) { return nb::try_cast<AnyArray>(object, array, /*convert=*/false); }

Matrix to_matrix(nb::handle object, const std::string& argument) {
  AnyArray array;
  std::vector<float> values =
      require_numbers<float>(object, argument, 2, true, "real numbers of shape (images, values)", &array);
  if (array.shape(0) > 0 && array.shape(1) == 0) {
    throw UsageError("`" + argument + "`", concat("is ", describe(object), ", expected at least one value an image"));
  }
  Matrix matrix;
  matrix.rows = static_cast<int64_t>(array.shape(0));
  matrix.columns = static_cast<int64_t>(array.shape(1));
  matrix.values = std::move(values);
  return matrix;
}

std::vector<int64_t> to_labels(nb::handle object, const std::string& argument, int64_t limit) {
  auto labels = require_numbers<int64_t>(object, argument, 1, false, "whole numbers of shape (images,)");
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && labels[i] < limit) continue;
    throw UsageError("`" + argument + "`", concat("the label at ", i, " is ", labels[i], ", expected 0 … ", limit - 1));
  }
  return labels;
}

std::vector<uint8_t> to_flags(nb::handle object, const std::string& argument) {
  auto flags = require_numbers<uint8_t>(object, argument, 1, false, "booleans of shape (images,)");
  for (uint8_t& flag : flags) flag = flag != 0;
  return flags;
}

std::vector<double> to_numbers(nb::handle object, const std::string& argument) {
  return require_numbers<double>(object, argument, 1, true, "real numbers of shape (images,)");
}

void require_as_many(const Matrix& matrix, size_t labels) {
  if (static_cast<size_t>(matrix.rows) == labels) return;
  throw UsageError("`labels`", concat(labels, " of them for ", matrix.rows, " images"), "give one label an image");
}

}  // namespace assemble::python
