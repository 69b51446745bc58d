// SPDX-License-Identifier: Apache-2.0
// Libraries that are loaded when they are first needed: linked, each would bring what it needs into every start.
#pragma once

#include <string>

#include "assemble/core/error.h"

namespace assemble::codecs {

/// A shared library, which stays loaded.
class SharedLibrary {
 public:
  /// @param what    cannot be done without it: "video", or a format's name
  /// @param file    as the linker knows it: libtiff.so.6
  /// @param package Debian's that holds it
  /// @throws RunError where it is not installed
  SharedLibrary(const std::string& what, const std::string& file, const std::string& package);

  /// @throws RunError where the library lacks it
  template <typename Function>
  void look_up(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(find(name));
  }

 private:
  void* find(const char* name) const;

  std::string what_, package_;
  void* library_;
};

/// The functions of a library of one format, loaded with the first image of it. Any thread may call it.
/// @tparam Functions is made with them
/// @throws InputError where the library cannot be used
template <typename Functions>
const Functions& functions_for(const std::string& where) {
  try {
    static const Functions functions;
    return functions;
  } catch (const RunError& error) {
    throw InputError(where, error.what());
  }
}

}  // namespace assemble::codecs
