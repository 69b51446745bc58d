// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

// Numbers never follow the locale of the program that uses the library: the decimal sign is a point, and digits stand
// in no groups.
namespace assemble {

namespace detail {  // what concat() does with one argument

void append_integer(std::string& text, long long value);
void append_integer(std::string& text, unsigned long long value);
void append_real(std::string& text, double value);
void append_streamed(std::string& text, const void* part, void (*stream)(std::ostream& stream, const void* part));

template <typename Part>
void append(std::string& text, const Part& part) {
  if constexpr (std::is_convertible_v<const Part&, std::string_view>) {
    text += std::string_view(part);
  } else if constexpr (std::is_same_v<Part, char> || std::is_same_v<Part, signed char> ||
                       std::is_same_v<Part, unsigned char>) {
    text += static_cast<char>(part);
  } else if constexpr (std::is_integral_v<Part>) {
    append_integer(text, static_cast<std::conditional_t<std::is_signed_v<Part>, long long, unsigned long long>>(part));
  } else if constexpr (std::is_floating_point_v<Part>) {
    append_real(text, static_cast<double>(part));
  } else {  // has operator<< alone, as LibTorch's types
    append_streamed(text, std::addressof(part),
                    [](std::ostream& stream, const void* streamed) { stream << *static_cast<const Part*>(streamed); });
  }
}

}  // namespace detail

/// Every argument as text, one behind the other: strings, characters, integers, real numbers with six digits (as
/// printf's %g), and whatever has an operator<< for streams.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string text;
  (detail::append(text, parts), ...);
  return text;
}

/// Splits at every `separator`; "a++b" gives three parts.
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string to_lower(std::string_view text);

/// The candidate with the smallest edit distance to `word`; empty when nothing is near (distance above half its
/// length).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// Rows of cells as an aligned plain-text table; the first row is the header. Numbers are right-aligned.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

/// "[3, 3, 64]"
std::string show_shape(const std::vector<int64_t>& shape);
/// The number that a text begins with, after white space and a plus sign where there are any; nothing when it begins
/// otherwise.
/// @param rest takes what stands behind the number
std::optional<double> parse_number(std::string_view text, std::string_view* rest = nullptr);

/// A number with a fixed count of decimals.
std::string format_number(double value, int decimals);

/// Digits of a number with zeros before them: (7, 3) gives "007".
std::string zero_padded(uint64_t number, size_t digits);

/// "1h02m", "3m07s", "4.2s".
std::string format_duration(double seconds);

}  // namespace assemble
