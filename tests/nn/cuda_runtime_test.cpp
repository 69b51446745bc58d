// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/cuda_runtime.h"

#include <dlfcn.h>
#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "assemble/core/file.h"
#include "assemble/nn/autocast.h"
#include "test_support.h"

namespace assemble {
namespace {

TEST(CudaRuntime, ItsAbsenceIsExplained) {
  if (cuda_runtime() != nullptr) GTEST_SKIP() << "there is a device";
  EXPECT_EQ(parse_device("auto"), torch::Device(torch::kCPU));
  EXPECT_NE(why_no_cuda(), "");
  EXPECT_THAT(test::error_of<RunError>([] { parse_device("cuda"); }), testing::HasSubstr(why_no_cuda()));
}

TEST(CudaRuntime, DevicesAreThoseThatAreThere) {
  if (cuda_runtime() == nullptr) GTEST_SKIP() << why_no_cuda();
  EXPECT_EQ(parse_device("auto"), torch::Device(torch::kCUDA, 0));
  EXPECT_THROW(parse_device(concat("cuda:", cuda_runtime()->devices())), RunError);
}

/// Linked whole: nothing but other libraries' symbols may be missing.
TEST(CudaRuntime, ItsLibraryLacksLibrariesOfNvidiaAlone) {
  const fs::path library = test::build_folder() / "libassemble_cuda.so";
  if (!fs::exists(library)) GTEST_SKIP() << "not built";
  void* const handle = dlopen(library.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) {
    EXPECT_THAT(dlerror(),
                testing::ContainsRegex("lib(cu|nccl|nvrtc|nvidia|nvshmem|nvJitLink).*cannot open shared object"));
    return;
  }
  EXPECT_NE(dlsym(handle, "assemble_cuda_runtime"), nullptr);
}

}  // namespace
}  // namespace assemble
