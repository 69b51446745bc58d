// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/use_torch.h"

#include "assemble/deploy/torch_backend.h"
#include "assemble/models/model_file.h"
#include "assemble/nn/cuda_runtime.h"
#include "assemble/trace/torch_engine.h"

namespace assemble {

namespace {

int64_t preset_size(const std::string& arch) {
  for (const Preset& preset : presets()) {
    if (preset.name == arch) return preset.image_size;
  }
  return 224;
}

Graph trace_fresh(const std::string& arch, int64_t image_size) {
  const int64_t size = image_size > 0 ? image_size : preset_size(arch);
  return trace(*make_classifier(Arch::parse(arch), {.classes = 1000, .image_size = size}), size);
}

}  // namespace

void use_torch() {
  set_torch_backend(
      {.make_engine = make_torch_engine,
       .trace_file = [](const fs::path& model, int64_t image_size) { return trace(*load_model(model), image_size); },
       .trace_fresh = trace_fresh,
       .has_cuda = [] { return cuda_runtime() != nullptr; }});
}

}  // namespace assemble
