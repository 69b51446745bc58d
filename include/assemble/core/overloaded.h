// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assemble {

/// One callable of several, for std::visit: each alternative of a variant goes to the one that takes it.
template <typename... Kinds>
struct Overloaded : Kinds... {
  using Kinds::operator()...;
};
template <typename... Kinds>
Overloaded(Kinds...) -> Overloaded<Kinds...>;

}  // namespace assemble
