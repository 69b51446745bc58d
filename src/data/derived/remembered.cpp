// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/remembered.h"

namespace assemble {
namespace {

int64_t bytes_of(const Sample& sample) { return static_cast<int64_t>(sample.encoded.size()); }

int64_t bytes_of(const std::vector<Image>& frames) {
  int64_t bytes = 0;
  for (const Image& frame : frames) bytes += static_cast<int64_t>(frame.pixels.size());
  return bytes;
}

template <typename Made, typename Make>
Made read_once(int64_t index, std::mutex& mutex, int64_t& left, std::map<int64_t, std::shared_ptr<const Made>>& kept,
               const Make& make) {
  std::shared_ptr<const Made> made;
  {
    const std::lock_guard lock(mutex);
    if (const auto found = kept.find(index); found != kept.end()) made = found->second;
  }
  if (made) return *made;
  made = std::make_shared<const Made>(make());
  const std::lock_guard lock(mutex);
  if (bytes_of(*made) <= left && kept.emplace(index, made).second) left -= bytes_of(*made);
  return *made;
}

}  // namespace

Sample RememberedDataset::read(int64_t index) const {
  return read_once(index, mutex_, left_, kept_, [&] { return dataset_.read(index); });
}

std::vector<Image> RememberedSequences::read(int64_t index) const {
  return read_once(index, mutex_, left_, kept_, [&] { return sequences_.read(index); });
}

}  // namespace assemble
