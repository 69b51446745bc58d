// SPDX-License-Identifier: Apache-2.0
#include "codec/shared_library.h"

#include <dlfcn.h>

namespace assemble::codecs {

SharedLibrary::SharedLibrary(const std::string& what, const std::string& file, const std::string& package)
    : what_(what), package_(package), library_(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (library_ != nullptr) return;
  throw RunError(what_, concat("cannot be used without ", file, ": ", dlerror()),
                 concat("install Debian's package ", package_));
}

void* SharedLibrary::find(const char* name) const {
  void* const found = dlsym(library_, name);
  if (found != nullptr) return found;
  throw RunError(what_, concat("cannot be used: ", dlerror()), concat("install a newer version of ", package_));
}

}  // namespace assemble::codecs
