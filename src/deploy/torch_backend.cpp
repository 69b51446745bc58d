// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/torch_backend.h"

#include <optional>

#include "assemble/core/error.h"

namespace assemble {
namespace {

std::optional<TorchBackend>& registered() {
  static std::optional<TorchBackend> backend;
  return backend;
}

}  // namespace

void set_torch_backend(TorchBackend backend) { registered() = std::move(backend); }

bool has_torch_backend() { return registered().has_value(); }

const TorchBackend& torch_backend(const std::string& what) {
  if (!registered()) throw NeedsTorch(what);
  return *registered();
}

}  // namespace assemble
