// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "assemble/core/error.h"

namespace assemble {
namespace {

/// Largest count one read or write call takes on Linux is just below 2 GiB.
constexpr size_t kCallLimit = size_t{1} << 30;

std::string system_hint(int code) {
  switch (code) {
    case ENOENT:
      return "check the path";
    case ENOSPC:
    case EDQUOT:
      return "free some space or write elsewhere";
    case EFBIG:
      return "the limit on file sizes is reached: see ulimit -f";
    case EACCES:
    case EPERM:
    case EROFS:
      return "check the permissions or choose another folder";
    case ENOTDIR:
      return "a part of the path is a file, not a folder";
    case EMFILE:
    case ENFILE:
      return "too many open files: raise the limit with ulimit -n";
    default:
      return "";
  }
}

[[noreturn]] void fail_reading(const fs::path& path, int code) {
  throw InputError(path.string(), concat("cannot read: ", std::strerror(code)), system_hint(code));
}

[[noreturn]] void fail_writing(const fs::path& path, const std::string& doing, int code) {
  throw RunError(path.string(), concat("cannot ", doing, ": ", std::strerror(code)), system_hint(code));
}

/// Closes its descriptor at the end of a scope.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

int open_retrying(const fs::path& path, int flags) {
  int descriptor = -1;
  do {
    descriptor = open(path.c_str(), flags | O_CLOEXEC, 0666);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

struct stat status_for_reading(const fs::path& path, int descriptor) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) fail_reading(path, errno);
  if (S_ISDIR(status.st_mode)) throw InputError(path.string(), "is a folder, expected a file");
  return status;
}

[[noreturn]] void fail_too_large(const fs::path& path, uint64_t limit) {
  throw InputError(path.string(), concat("is larger than ", limit, " bytes, the most expected here"));
}

/// Takes the lock of an open temporary file. @return false when another has it
bool take_lock(const Descriptor& descriptor) { return flock(descriptor.get(), LOCK_EX | LOCK_NB) == 0; }

/// Whether the path still means the file that was opened. Between opening and locking, the writer who had the lock may
/// have renamed the file into its target or removed it.
bool is_still_at(const Descriptor& descriptor, const fs::path& path) {
  struct stat opened {
  }, found{};
  return fstat(descriptor.get(), &opened) == 0 && stat(path.c_str(), &found) == 0 && opened.st_ino == found.st_ino &&
         opened.st_dev == found.st_dev;
}

/// Creates a temporary file that none but the caller writes, renames or removes while the descriptor is open.
int create_locked(const fs::path& temporary, const fs::path& target) {
  for (;;) {
    Descriptor descriptor(open_retrying(temporary, O_WRONLY | O_CREAT));
    if (descriptor.get() < 0) fail_writing(target, "create", errno);
    // A file of this name is either another writer's, which holds the lock, or was left by a killed process.
    if (!take_lock(descriptor) && errno == EWOULDBLOCK) throw RunError(target.string(), "is already being written");
    if (!is_still_at(descriptor, temporary)) continue;
    if (ftruncate(descriptor.get(), 0) != 0) fail_writing(target, "create", errno);
    return descriptor.release();
  }
}

void sync_folder(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  Descriptor descriptor(open_retrying(folder, O_RDONLY | O_DIRECTORY));
  // Some file systems cannot flush a folder; the data itself is already safe.
  if (descriptor.get() >= 0) (void)fsync(descriptor.get());
}

}  // namespace

Bytes read_file(const fs::path& path, uint64_t limit) {
  Descriptor descriptor(open_retrying(path, O_RDONLY));
  if (descriptor.get() < 0) fail_reading(path, errno);
  const struct stat status = status_for_reading(path, descriptor.get());
  const auto expected = static_cast<uint64_t>(std::max<off_t>(status.st_size, 0));
  if (expected > limit) fail_too_large(path, limit);

  // Pipes and files of /proc have no size: read until the end whatever the size said. One byte more than expected, so
  // that a file of known size ends with its second read and is never copied.
  Bytes bytes(S_ISREG(status.st_mode) ? expected + 1 : 0);
  size_t length = 0;
  for (;;) {
    if (length == bytes.size()) bytes.resize(std::max<size_t>(2 * length, 65536));
    const ssize_t got = ::read(descriptor.get(), bytes.data() + length, std::min(bytes.size() - length, kCallLimit));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_reading(path, errno);
    if (got == 0) break;
    length += static_cast<size_t>(got);
    if (length > limit) fail_too_large(path, limit);
  }
  bytes.resize(length);
  return bytes;
}

RandomAccessFile::RandomAccessFile(const fs::path& path) : path_(path) {
  Descriptor descriptor(open_retrying(path, O_RDONLY));
  if (descriptor.get() < 0) fail_reading(path, errno);
  const struct stat status = status_for_reading(path, descriptor.get());
  if (!S_ISREG(status.st_mode)) throw InputError(path.string(), "is a device or a pipe, expected a regular file");
  size_ = static_cast<uint64_t>(status.st_size);
  descriptor_ = descriptor.release();
}

RandomAccessFile::~RandomAccessFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

RandomAccessFile::RandomAccessFile(RandomAccessFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

void RandomAccessFile::read(uint64_t offset, std::span<uint8_t> out) const {
  uint64_t position = offset;
  while (!out.empty()) {
    const bool beyond = position > static_cast<uint64_t>(INT64_MAX);
    const ssize_t got =
        beyond ? 0 : pread(descriptor_, out.data(), std::min(out.size(), kCallLimit), static_cast<off_t>(position));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_reading(path_, errno);
    if (got == 0) {
      throw InputError(concat(path_.string(), " at offset ", offset),
                       concat("the file ends at ", position, ", ", out.size(), " bytes are missing"),
                       "the file is truncated: copy it again");
    }
    position += static_cast<uint64_t>(got);
    out = out.subspan(static_cast<size_t>(got));
  }
}

MappedFile::MappedFile(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0) {
    const int reason = errno;
    if (descriptor >= 0) ::close(descriptor);
    throw InputError(path.string(), concat("cannot read: ", std::strerror(reason)), "check the path");
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* memory = size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0) : nullptr;
  const int reason = errno;
  ::close(descriptor);
  if (memory == MAP_FAILED) throw InputError(path.string(), concat("cannot map: ", std::strerror(reason)));
  bytes_ = {static_cast<const uint8_t*>(memory), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  std::error_code ignored;
  if (fs::is_symlink(path_, ignored)) {
    const fs::path target = fs::weakly_canonical(path_, ignored);
    if (!target.empty()) path_ = target;
  }
  const fs::file_type type = fs::status(path_, ignored).type();
  if (type == fs::file_type::directory) throw RunError(path_.string(), "is a folder, expected a file to write");
  if (type == fs::file_type::character || type == fs::file_type::fifo || type == fs::file_type::block) {
    descriptor_ = open_retrying(path_, O_WRONLY);
    if (descriptor_ < 0) fail_writing(path_, "open for writing", errno);
    return;
  }
  temporary_ = path_.parent_path() / concat(".", path_.filename().string(), ".tmp-", getpid());
  descriptor_ = create_locked(temporary_, path_);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  if (!temporary_.empty()) unlink(temporary_.c_str());  // while the lock is held: afterwards it may be another writer's
  close(descriptor_);
}

void AtomicFile::write(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kCallLimit));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_writing(path_, "write", errno);
    position_ += static_cast<uint64_t>(put);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
}

void AtomicFile::write(std::string_view text) {
  write(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

void AtomicFile::write_at(uint64_t offset, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t put =
        pwrite(descriptor_, bytes.data(), std::min(bytes.size(), kCallLimit), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_writing(path_, "write", errno);
    offset += static_cast<uint64_t>(put);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
}

void AtomicFile::commit(bool flush) {
  // Devices and pipes cannot be flushed and say EINVAL.
  if (flush && fsync(descriptor_) != 0 && !temporary_.empty()) fail_writing(path_, "flush", errno);
  if (!temporary_.empty() && rename(temporary_.c_str(), path_.c_str()) != 0) fail_writing(path_, "rename into", errno);
  const bool renamed = !temporary_.empty();
  temporary_.clear();
  if (close(std::exchange(descriptor_, -1)) != 0) fail_writing(path_, "close", errno);
  if (renamed && flush) sync_folder(path_);
}

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void write_file(const fs::path& path, std::span<const uint8_t> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void make_directories(const fs::path& path) {
  fs::path part;
  for (const fs::path& name : path) {
    part /= name;
    if (name.empty() || mkdir(part.c_str(), 0777) == 0) continue;
    const int code = errno;
    std::error_code ignored;
    if (fs::is_directory(part, ignored)) continue;
    fail_writing(part, "create folder", code == EEXIST ? ENOTDIR : code);
  }
}

void remove_stale_temporaries(const fs::path& folder) {
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    const size_t mark = name.rfind(".tmp-");
    if (name[0] != '.' || mark == std::string::npos || mark < 2) continue;
    const std::string_view digits = std::string_view(name).substr(mark + 5);
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) continue;
    Descriptor descriptor(open_retrying(entry->path(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    if (descriptor.get() < 0 || !take_lock(descriptor)) continue;
    if (is_still_at(descriptor, entry->path())) unlink(entry->path().c_str());
  }
}

}  // namespace assemble
