// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace assemble::test {

/// Sets a variable of the environment, or removes it, until the end of the scope.
class ScopedVariable {
 public:
  /// @param value nullptr: the variable is not there
  ScopedVariable(const char* name, const char* value) : name_(name) {
    const char* before = std::getenv(name);
    if ((was_there_ = before != nullptr)) before_ = before;
    set(value);
  }
  ~ScopedVariable() { set(was_there_ ? before_.c_str() : nullptr); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  void set(const char* value) const { value == nullptr ? unsetenv(name_) : setenv(name_, value, 1); }

  const char* name_;
  bool was_there_ = false;
  std::string before_;
};

/// A terminal that nobody looks at.
class PseudoTerminal {
 public:
  explicit PseudoTerminal(unsigned short columns) : outside_(posix_openpt(O_RDWR | O_NOCTTY)) {
    if (outside_ < 0 || grantpt(outside_) != 0 || unlockpt(outside_) != 0) throw std::runtime_error("no terminal");
    inside_ = open(ptsname(outside_), O_RDWR | O_NOCTTY);
    resize(columns);
    fcntl(outside_, F_SETFL, O_NONBLOCK);
  }
  ~PseudoTerminal() {
    close(inside_);
    close(outside_);
  }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  /// What a program writes to.
  int descriptor() const { return inside_; }

  void resize(unsigned short columns) const {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = columns;
    if (ioctl(outside_, TIOCSWINSZ, &size) != 0) throw std::runtime_error("a terminal cannot be resized");
  }

  /// What was written since the last call; lines end with "\r\n".
  std::string read_written() const {
    std::string text;
    char part[4096];
    for (ssize_t got = 0; (got = read(outside_, part, sizeof part)) > 0;) text.append(part, static_cast<size_t>(got));
    return text;
  }

 private:
  int outside_, inside_ = -1;
};

/// A stream of this process is another one until the end of the scope.
class RedirectedStream {
 public:
  RedirectedStream(int stream, int descriptor) : stream_(stream), before_(dup(stream)) { dup2(descriptor, stream_); }
  ~RedirectedStream() {
    dup2(before_, stream_);
    close(before_);
  }
  RedirectedStream(const RedirectedStream&) = delete;
  RedirectedStream& operator=(const RedirectedStream&) = delete;

 private:
  int stream_, before_;
};

}  // namespace assemble::test
