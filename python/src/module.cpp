// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "assemble/core/log.h"
#include "binding.h"

NB_MODULE(_core, module) {
  module.doc() = "The runtime half of Assemble. Use the package assemble, which gives these names.";
  module.attr("__version__") = ASSEMBLE_VERSION;
  // Warnings alone: a program's stderr is its own.
  assemble::set_log_sink(std::make_shared<assemble::StderrSink>(/*quiet=*/true));
  assemble::python::bind_errors(module);
  assemble::python::bind_images(module);
  assemble::python::bind_model(module);
  assemble::python::bind_loader(module);
  assemble::python::bind_metrics(module);
  assemble::python::bind_robustness(module);
}
