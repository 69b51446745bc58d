// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace assemble {

/// A JSON value as text. Paths may hold bytes that are no UTF-8: they become U+FFFD, where dump() throws and the work
/// that led to the value would be lost.
/// @param indent spaces a level; -1: all on one line
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

/// What the JSON library says of an error, without its own number for it ("[json.exception.parse_error.101] ").
inline std::string json_problem(const std::exception& error) {
  const std::string_view text = error.what();
  const size_t number = text.starts_with("[json.exception.") ? text.find("] ") : std::string_view::npos;
  return std::string(number == std::string_view::npos ? text : text.substr(number + 2));
}

}  // namespace assemble
