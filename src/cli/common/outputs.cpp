// SPDX-License-Identifier: Apache-2.0
#include "common/outputs.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "assemble/core/error.h"

namespace assemble::cli {
namespace {

/// A path without links and dots, also of what does not exist yet.
fs::path plain(const fs::path& path) {
  std::error_code ignored;
  const fs::path canonical = fs::weakly_canonical(fs::absolute(path), ignored);
  return canonical.has_filename() ? canonical : canonical.parent_path();
}

void refuse_inputs(const std::string& option, const fs::path& output, const std::vector<std::string>& inputs,
                   const std::string& what) {
  for (const std::string& input : inputs) {
    const bool same = !input.empty() && plain(input) == plain(output);
    if (same) throw UsageError(option, concat("'", output.string(), "' ", what), "choose another one");
  }
}

/// The part of a path that exists.
fs::path existing_part(const fs::path& path) {
  fs::path part = fs::absolute(path);
  std::error_code ignored;
  while (!fs::exists(fs::status(part, ignored)) && part.has_relative_path()) part = part.parent_path();
  return part;
}

}  // namespace

void prepare_output_file(const std::string& option, const fs::path& file, const std::vector<std::string>& inputs) {
  std::error_code ignored;
  if (file.empty() || !file.has_filename()) {
    throw UsageError(option, concat("'", file.string(), "' is no name of a file"));
  }
  if (fs::is_directory(file, ignored)) {
    throw UsageError(option, concat("'", file.string(), "' is a folder, expected a file to write"));
  }
  refuse_inputs(option, file, inputs, "is also an input");
  const fs::file_status status = fs::status(file, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status)) return;  // a pipe's reader would see it end
  make_directories(file.parent_path());
  const AtomicFile trial(file);
}

void check_output_folder(const std::string& option, const fs::path& folder, const std::vector<std::string>& data) {
  if (folder.empty()) throw UsageError(option, "is empty", "name a folder");
  refuse_inputs(option, folder, data, "is the data set's own folder");
  const fs::path existing = existing_part(folder);
  std::error_code ignored;
  if (!fs::is_directory(existing, ignored)) {
    throw RunError(option, concat("'", existing.string(), "' is a file, expected a folder"), "choose another folder");
  }
  if (access(existing.c_str(), W_OK | X_OK) != 0) {
    throw RunError(option, concat("'", existing.string(), "' cannot be written: ", std::strerror(errno)),
                   "choose another folder");
  }
}

}  // namespace assemble::cli
