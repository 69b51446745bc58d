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

}  // namespace

template <typename Made>
Made Remembered<Made>::get(int64_t index, const std::function<Made()>& make) {
  std::shared_ptr<const Made> made;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = kept_.find(index); found != kept_.end()) made = found->second;
  }
  if (made) return *made;
  made = std::make_shared<const Made>(make());
  const std::lock_guard lock(mutex_);
  if (bytes_of(*made) <= left_ && kept_.emplace(index, made).second) left_ -= bytes_of(*made);
  return *made;
}

Sample RememberedDataset::read(int64_t index) const {
  return kept_.get(index, [&] { return dataset_.read(index); });
}

std::vector<Image> RememberedSequences::read(int64_t index) const {
  return kept_.get(index, [&] { return sequences_.read(index); });
}

}  // namespace assemble
