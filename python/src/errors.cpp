// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <string>

#include "assemble/core/error.h"
#include "binding.h"

namespace nb = nanobind;

namespace assemble::python {

namespace {

const char* class_of(const Error& error) {
  switch (error.code()) {
    case ExitCode::kUsage:
      return "UsageError";
    case ExitCode::kBadInput:
      return "InputError";
    default:
      return "RunError";
  }
}

/// Raises the class of assemble/_errors.py that an error is of.
void raise(const Error& error) {
  const nb::object type = nb::module_::import_("assemble._errors").attr(class_of(error));
  // A file's name need not be UTF-8.
  const auto text = [](const std::string& bytes) {
    return nb::steal(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace"));
  };
  const nb::object raised = type(text(error.what()), text(error.where()), text(error.hint()));
  PyErr_SetObject(type.ptr(), raised.ptr());
}

}  // namespace

void bind_errors(nb::module_&) {
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& error) {
      raise(error);
    }
  });
}

}  // namespace assemble::python
