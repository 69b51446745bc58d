// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/atomic_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "assemble/core/error.h"

namespace assemble {
namespace {

/// Without a slash at its end, dots and links.
fs::path target_of(const fs::path& path) {
  if (path.empty()) throw UsageError("folder", "its name is empty", "name a folder to write");
  std::error_code failed;
  const fs::path target = fs::weakly_canonical(fs::absolute(path), failed);
  if (failed) throw RunError(path.string(), concat("cannot be written: ", failed.message()), "choose another folder");
  return target.has_filename() ? target : target.parent_path();
}

void require_absent_or_empty(const fs::path& path) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(status)) {
    throw UsageError(path.string(), "is a file, expected a folder to write", "choose another name");
  }
  const bool empty = fs::is_empty(path, failed);
  if (failed) throw RunError(path.string(), concat("cannot be read: ", failed.message()), "choose another folder");
  if (!empty) throw UsageError(path.string(), "is a folder that holds something already", "name a new one");
}

/// @return the descriptor of a folder whose lock nobody has, with the lock; -1 when somebody has
int lock_folder(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  if (descriptor >= 0) close(descriptor);
  return -1;
}

/// Removes what killed processes left under names that begin so.
void remove_left_behind(const fs::path& folder, const std::string& prefix) {
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || name.find_first_not_of("0123456789", prefix.size()) != std::string::npos) continue;
    const int descriptor = lock_folder(entry->path());
    if (descriptor < 0) continue;
    std::error_code ignored;
    fs::remove_all(entry->path(), ignored);
    close(descriptor);
  }
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& path) : path_(target_of(path)) {
  require_absent_or_empty(path_);
  const fs::path above = path_.parent_path();
  const std::string prefix = concat(".", path_.filename().string(), ".tmp-");
  make_directories(above);
  remove_left_behind(above, prefix);
  staged_ = above / concat(prefix, getpid());
  if (mkdir(staged_.c_str(), 0777) != 0) {
    throw RunError(path_.string(), concat("cannot be made: ", std::strerror(errno)),
                   "check the permissions or choose another folder");
  }
  descriptor_ = lock_folder(staged_);
}

AtomicFolder::~AtomicFolder() {
  if (!staged_.empty()) {
    std::error_code ignored;
    fs::remove_all(staged_, ignored);
  }
  if (descriptor_ >= 0) close(descriptor_);
}

void AtomicFolder::commit() {
  // Some file systems cannot flush a folder; files are flushed when they are written.
  if (descriptor_ >= 0) (void)fsync(descriptor_);
  if (std::rename(staged_.c_str(), path_.c_str()) != 0) {
    throw RunError(path_.string(), concat("cannot be written: ", std::strerror(errno)), "choose another folder");
  }
  staged_.clear();
}

}  // namespace assemble
