// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"

namespace assemble {
namespace {

std::string message(const std::string& where, const std::string& what, const std::string& hint) {
  return (where.empty() ? "" : where + ": ") + what + (hint.empty() ? "" : " (" + hint + ")");
}

}  // namespace

Error::Error(ExitCode code, const std::string& where, const std::string& what, const std::string& hint)
    : std::runtime_error(message(where, what, hint)), code_(code), where_(where), hint_(hint) {}

}  // namespace assemble
