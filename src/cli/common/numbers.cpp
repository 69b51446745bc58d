// SPDX-License-Identifier: Apache-2.0
#include "common/numbers.h"

#include <charconv>
#include <limits>

#include "assemble/core/error.h"

namespace assemble::cli {
namespace {

constexpr int64_t kMostThings = std::numeric_limits<int32_t>::max();
constexpr int64_t kLongestSide = 65535;
constexpr int64_t kMostThreads = 1024;
constexpr double kLargest = 1e30;

/// @param range as the help shows it, for example "in 0 … 1024"
/// @param fits whether a number lies in it
template <typename Number, typename Fits>
CLI::Validator numbers(const char* kind, const std::string& range, Fits fits) {
  const auto check = [=](std::string& text) {
    if (text.starts_with('+')) text.erase(0, 1);
    Number number{};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const std::string expected = concat(", expected a ", kind, " ", range);
    if (stop != end || error == std::errc::invalid_argument) return concat("'", text, "' is no ", kind, expected);
    if (error != std::errc() || !fits(number)) return concat(text, " is out of range", expected);
    if constexpr (std::is_integral_v<Number>) text = std::to_string(number);  // CLI11 takes 010 for eight
    return std::string();
  };
  return {check, range};
}

}  // namespace

CLI::Validator whole(int64_t least, int64_t most) {
  return numbers<int64_t>("whole number", concat("in ", least, " … ", most),
                          [=](int64_t number) { return number >= least && number <= most; });
}

CLI::Validator at_least(int64_t least) { return whole(least, kMostThings); }
CLI::Validator side(int64_t least) { return whole(least, kLongestSide); }
CLI::Validator thread_count() { return whole(0, kMostThreads); }

CLI::Validator seed() {
  return numbers<uint64_t>("whole number", concat("in 0 … ", std::numeric_limits<uint64_t>::max()),
                           [](uint64_t) { return true; });
}

CLI::Validator real(double least, double most) {
  return numbers<double>("number", concat("in ", least, " … ", most),
                         [=](double number) { return number >= least && number <= most; });
}

CLI::Validator not_negative() { return real(0, kLargest); }
CLI::Validator positive() {
  return numbers<double>("number", "above 0", [](double number) { return number > 0 && number <= kLargest; });
}
CLI::Validator share() { return real(0, 1); }

CLI::Validator or_word(const std::string& word, const CLI::Validator& numbers) {
  const auto check = [=](std::string& text) { return text == word ? std::string() : numbers(text); };
  return {check, concat(word, " or ", numbers.get_description())};
}

}  // namespace assemble::cli
