// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/cuda_runtime.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>

#include "assemble/core/system.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

constexpr const char* kLibrary = "libassemble_cuda.so";
constexpr const char* kEntry = "assemble_cuda_runtime";
constexpr const char* kDriver = "libcuda.so.1";

struct Loaded {
  const CudaRuntime* runtime = nullptr;
  std::string why_not;
};

Loaded load_runtime() {
  const fs::path folder = own_program().parent_path();
  const std::array<fs::path, 4> paths{folder / kLibrary, folder.parent_path() / "lib/assemble" / kLibrary,
                                      folder.parent_path().parent_path() / "lib/assemble" / kLibrary, kLibrary};
  // Without a driver the libraries, a gigabyte and more, would be mapped for nothing.
  void* const driver = dlopen(kDriver, RTLD_LAZY);
  if (driver == nullptr) {
    const bool is_built =
        std::any_of(paths.begin(), paths.end() - 1, [](const auto& path) { return fs::exists(path); });
    return {nullptr,
            concat("there is no NVIDIA driver (", dlerror(), ")",
                   is_built ? "" : concat(", and no ", kLibrary, " beside the program: `make cuda` builds it"))};
  }
  std::string why;
  for (const fs::path& path : paths) {
    if (path.has_parent_path() && !fs::exists(path)) continue;
    // Global: LibTorch finds its CUDA kernels by what these libraries register.
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
      why = concat("LibTorch's CUDA libraries cannot be loaded (", dlerror(),
                   "): `scripts/bootstrap.sh cuda` installs "
                   "them, `make cuda` builds what loads them");
      continue;
    }
    const auto entry = reinterpret_cast<const CudaRuntime* (*)()>(dlsym(library, kEntry));
    if (entry == nullptr) return {nullptr, concat(path.string(), " lacks ", kEntry)};
    const CudaRuntime* const runtime = entry();
    if (runtime->devices() == 0) return {nullptr, concat(runtime->description(), " finds no device")};
    return {runtime, ""};
  }
  return {nullptr, why};
}

const Loaded& loaded() {
  static const Loaded kLoaded = load_runtime();
  return kLoaded;
}

}  // namespace

const CudaRuntime* cuda_runtime() { return loaded().runtime; }

const std::string& why_no_cuda() { return loaded().why_not; }

}  // namespace assemble
