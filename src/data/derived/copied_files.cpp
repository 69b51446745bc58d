// SPDX-License-Identifier: Apache-2.0
#include "derived/copied_files.h"

#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/thread_pool.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

/// Nothing of one link's name is ever half there.
void make_link(const FileToCopy& file, const fs::path& target, CopyMethod method) {
  std::error_code code;
  if (method == CopyMethod::kHardLink) {
    fs::create_hard_link(fs::canonical(file.from, code), target, code);
  } else {
    fs::create_symlink(fs::absolute(file.from), target, code);
  }
  if (code) throw RunError(target.string(), concat("cannot be linked: ", code.message()), "copy the files instead");
}

/// @return whether it was not there yet
bool bring(const FileToCopy& file, const fs::path& output, CopyMethod method) {
  const fs::path target = output / file.to;
  std::error_code code;
  const auto size = fs::file_size(file.from, code);
  if (!code && fs::file_size(target, code) == size && !code) return false;
  if (method != CopyMethod::kCopy) {
    make_link(file, target, method);
    return true;
  }
  AtomicFile copy(target);
  copy.write(read_file(file.from));
  copy.commit(/*flush=*/false);
  return true;
}

}  // namespace

CopiedFiles copy_files(const std::string& what, const std::vector<FileToCopy>& files, const fs::path& output,
                       const ResumableFolder::Kind& kind, ordered_json settings, CopyMethod method) {
  std::string paths;
  std::set<std::string> parts;
  std::set<fs::path> folders;
  for (const FileToCopy& file : files) {
    paths += file.to + '\n';
    parts.insert(fs::path(file.to).begin()->string());
    folders.insert((output / file.to).parent_path());
  }
  settings["images"] = files.size();
  settings["paths"] = content_hash({reinterpret_cast<const uint8_t*>(paths.data()), paths.size()});
  const ResumableFolder folder(output, kind);
  const auto write_record = [&](bool complete) {
    ordered_json record{{"made_by", concat("assemble ", ASSEMBLE_VERSION)}};
    record.update(settings);
    record["complete"] = complete;
    folder.write(record);
  };
  folder.require_own(settings, {parts.begin(), parts.end()});
  folder.prepare();
  write_record(/*complete=*/false);
  for (const fs::path& path : folders) {
    make_directories(path);
    remove_stale_temporaries(path);
  }
  CopiedFiles done;
  std::mutex mutex;
  Progress progress(what, static_cast<int64_t>(files.size()), "images");
  ThreadPool(available_cores()).parallel_for(static_cast<int64_t>(files.size()), [&](int64_t i) {
    const bool is_new = bring(files[static_cast<size_t>(i)], output, method);
    const std::lock_guard lock(mutex);
    ++(is_new ? done.copied : done.kept);
    progress.advance(1);
  });
  write_record(/*complete=*/true);
  return done;
}

}  // namespace assemble
