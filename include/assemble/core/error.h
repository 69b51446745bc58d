// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

#include "assemble/core/text.h"  // concat(), of which messages are made

namespace assemble {

/// Exit status of the `assemble` command.
enum class ExitCode {
  kOk = 0,
  kUsage = 2,      ///< the command line or a configuration is wrong
  kBadInput = 3,   ///< a file, an image or a model cannot be used
  kFailedRun = 4,  ///< the work itself failed: disk full, divergence, unwritable output
};

/// Base of every error the library throws. what() reads "WHERE: WHAT (HINT)". Members of options stand in backquotes
/// ("`image_size` 30: is no multiple of 32"), in warnings too: a program may put its own names in their places, as the
/// command does with its flags.
class Error : public std::runtime_error {
 public:
  /// @param code  exit status the command ends with
  /// @param where file, record and offset, option or argument the error is about; may be empty
  /// @param what  what is wrong, and what was expected
  /// @param hint  what the user can do about it; may be empty
  Error(ExitCode code, const std::string& where, const std::string& what, const std::string& hint);

  ExitCode code() const { return code_; }
  const std::string& where() const { return where_; }
  const std::string& hint() const { return hint_; }

 private:
  ExitCode code_;
  std::string where_;
  std::string hint_;
};

/// Wrong option, argument, arch string or configuration (exit status 2).
struct UsageError : Error {
  UsageError(const std::string& where, const std::string& what, const std::string& hint = "")
      : Error(ExitCode::kUsage, where, what, hint) {}
};

/// What only the half with LibTorch can do was asked of the other half (exit status 2). The command `assemble` hands
/// such work over to its second program, so throw it before anything is written.
struct NeedsTorch : UsageError {
  /// @param what needs it, for example "--engine torch"
  explicit NeedsTorch(const std::string& what)
      : UsageError(what, "needs LibTorch, which this program is built without",
                   "use the program assemble-torch, which 'make build' builds") {}
};

/// A file or a value read from a file that cannot be used (exit status 3).
struct InputError : Error {
  InputError(const std::string& where, const std::string& what, const std::string& hint = "")
      : Error(ExitCode::kBadInput, where, what, hint) {}
};

/// Work that failed for a reason outside its input (exit status 4).
struct RunError : Error {
  RunError(const std::string& where, const std::string& what, const std::string& hint = "")
      : Error(ExitCode::kFailedRun, where, what, hint) {}
};

}  // namespace assemble
