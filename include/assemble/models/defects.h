// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {

/// Names that do not fit, by what is wrong with them: a line for an error, which lists the first ten. For the library's
/// own use.
class Defects {
 public:
  explicit Defects(const char* kind) : kind_(kind) {}
  void add(const std::string& name) {
    if (count_++ < kListedNames) names_.push_back(name);
  }
  std::string text() const {
    if (count_ == 0) return "";
    const std::string more = count_ > kListedNames ? concat(" and ", count_ - kListedNames, " more") : "";
    return concat("\n  ", count_, " ", kind_, ": ", join(names_, ", "), more);
  }

 private:
  static constexpr size_t kListedNames = 10;
  const char* kind_;
  size_t count_ = 0;
  std::vector<std::string> names_;
};

}  // namespace assemble
