// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/log.h"

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdio>

namespace assemble {
namespace {

std::atomic<bool> quiet{false};

// One fwrite a line: stdio's lock keeps lines of several threads apart.
void write_line(const std::string& text) {
  // On a terminal, first wipe the progress bar that may stand in the line.
  std::string line = (stderr_is_terminal() ? "\r\033[K" : "") + text + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

void log_info(const std::string& message) {
  if (!quiet) write_line(message);
}

void log_warning(const std::string& message) { write_line("warning: " + message); }

void set_quiet(bool value) { quiet = value; }

bool is_quiet() { return quiet; }

bool stderr_is_terminal() { return isatty(STDERR_FILENO) == 1; }

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  char text[64];
  if (seconds < 59.95) {
    std::snprintf(text, sizeof(text), "%.1fs", seconds);
  } else if (seconds < 3599.5) {
    const long whole = std::lround(seconds);
    std::snprintf(text, sizeof(text), "%ldm%02lds", whole / 60, whole % 60);
  } else {
    const long long minutes = std::llround(seconds / 60);
    std::snprintf(text, sizeof(text), "%lldh%02lldm", minutes / 60, minutes % 60);
  }
  return text;
}

}  // namespace assemble
