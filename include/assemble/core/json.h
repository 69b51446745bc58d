// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace assemble {

/// A JSON value as text. Paths may hold bytes that are no UTF-8: they become U+FFFD, where dump() throws and the work
/// that led to the value would be lost.
/// @param indent spaces a level; -1: all on one line
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace assemble
