// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/use_torch.h"

#include <torch/cuda.h>

#include "assemble/deploy/torch_backend.h"
#include "assemble/models/model_file.h"
#include "assemble/trace/torch_engine.h"

namespace assemble {

void use_torch() {
  set_torch_backend({.make_engine = make_torch_engine,
                     .trace_file = [](const fs::path& model, int64_t image_size) {
                       return trace(*load_model(model), image_size);
                     },
                     .has_cuda = torch::cuda::is_available});
}

}  // namespace assemble
