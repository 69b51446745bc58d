// SPDX-License-Identifier: Apache-2.0
#include "fuzz_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  assemble::fuzz::check_graph_text({data, size});
  return 0;
}
