// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace assemble {

/// Gives the runtime half what LibTorch adds (deploy/torch_backend.h): the torch engine, and graphs of model files that
/// carry none. To be called once, before engines are made.
void use_torch();

}  // namespace assemble
