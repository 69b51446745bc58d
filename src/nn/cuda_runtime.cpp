// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/cuda_runtime.h"

#include <dlfcn.h>

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
  // Without a driver the libraries, a gigabyte and more, would be mapped for nothing.
  void* const driver = dlopen(kDriver, RTLD_LAZY);
  if (driver == nullptr) return {nullptr, concat("there is no NVIDIA driver (", dlerror(), ")")};
  const fs::path folder = own_program().parent_path();
  std::string why;
  for (const fs::path& path : {folder / kLibrary, folder.parent_path() / "lib/assemble" / kLibrary,
                               folder.parent_path().parent_path() / "lib/assemble" / kLibrary, fs::path(kLibrary)}) {
    if (path.has_parent_path() && !fs::exists(path)) continue;
    // Global: LibTorch finds its CUDA kernels by what these libraries register.
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
      why = concat("LibTorch's CUDA libraries cannot be loaded (", dlerror(), ")");
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
