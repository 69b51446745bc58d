// SPDX-License-Identifier: Apache-2.0
// What the parts of the module assemble._core share. They are declared here in the order that the module has them.
#pragma once

#include <nanobind/nanobind.h>

namespace assemble::python {

void bind_errors(nanobind::module_& module);
void bind_images(nanobind::module_& module);
void bind_model(nanobind::module_& module);
void bind_loader(nanobind::module_& module);
void bind_metrics(nanobind::module_& module);
void bind_robustness(nanobind::module_& module);

}  // namespace assemble::python
