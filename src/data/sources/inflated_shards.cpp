// SPDX-License-Identifier: Apache-2.0
#include "sources/inflated_shards.h"

#include <algorithm>
#include <cstdlib>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/thread_pool.h"
#include "assemble/io/inflate.h"

namespace assemble {
namespace {

fs::path make_temporary_folder() {
  std::string form = (fs::temp_directory_path() / "assemble-inflated-XXXXXX").string();
  if (mkdtemp(form.data()) == nullptr) throw RunError(form, "cannot be made", "set TMPDIR to a folder with room");
  return form;
}

}  // namespace

bool has_deflated_start(const fs::path& path) {
  const RandomAccessFile file(path);
  Bytes first(std::min<uint64_t>(file.size(), 2));
  file.read(0, first);
  return is_deflated(first);
}

InflatedShards::InflatedShards(const std::vector<fs::path>& shards,
                               const std::function<bool(const fs::path&)>& is_compressed)
    : readable_(shards) {
  std::vector<size_t> compressed;
  for (size_t i = 0; i < shards.size(); ++i) {
    if (is_compressed(shards[i])) compressed.push_back(i);
  }
  if (compressed.empty()) return;
  folder_ = make_temporary_folder();
  log_info(concat("inflating ", compressed.size(), " compressed files into ", folder_.string()));
  try {
    ThreadPool pool(available_cores());
    pool.parallel_for(static_cast<int64_t>(compressed.size()), [&](int64_t k) {
      const size_t i = compressed[static_cast<size_t>(k)];
      readable_[i] = folder_ / shards[i].filename();
      inflate_file(shards[i], readable_[i]);
    });
  } catch (...) {
    remove();
    throw;
  }
}

InflatedShards::~InflatedShards() { remove(); }

void InflatedShards::remove() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace assemble
