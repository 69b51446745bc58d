// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

namespace assemble {

/// Place of a name that the user gave among those there are.
/// @param where option or kind of thing that the name is for
/// @throws UsageError for an unknown name, with all there are and the nearest of them
std::size_t find_choice(const std::string& where, const std::string& name, const std::vector<std::string>& choices);

/// "a, b or c".
std::string alternatives(const std::vector<std::string>& names);

/// The member `name` of every entry of a table.
template <typename Entries>
std::vector<std::string> names_of(const Entries& entries) {
  std::vector<std::string> names;
  names.reserve(std::size(entries));
  for (const auto& entry : entries) names.emplace_back(entry.name);
  return names;
}

/// A value of an enum, as users write it.
template <typename Enum>
struct Choice {
  Enum value;
  const char* name;
};

/// The names of an enum's values. There is one such table beside each enum that users choose from; parsing, printing,
/// help and completion come from it. Make it with choices().
template <typename Enum, std::size_t N>
class Choices {
 public:
  constexpr Choices(const char* what, const std::array<Choice<Enum>, N>& entries) : what_(what), entries_(entries) {}

  /// @throws UsageError for an unknown name, with all there are and the nearest of them
  Enum parse(const std::string& name) const {
    return entries_[find_choice("`" + std::string(what_) + "`", name, names())].value;
  }

  constexpr const char* name(Enum value) const {
    for (const Choice<Enum>& entry : entries_) {
      if (entry.value == value) return entry.name;
    }
    return "";
  }

  std::vector<std::string> names() const { return names_of(entries_); }

  /// For people: "a, b or c".
  std::string text() const { return alternatives(names()); }

 private:
  const char* what_;
  std::array<Choice<Enum>, N> entries_;
};

/// For example `inline constexpr auto kSeasons = choices<Season>("season", {{Season::kSpring, "spring"}, …});`
/// @param what the member of options that takes it, for errors
template <typename Enum, std::size_t N>
constexpr Choices<Enum, N> choices(const char* what, const Choice<Enum> (&entries)[N]) {
  return {what, std::to_array(entries)};
}

}  // namespace assemble
