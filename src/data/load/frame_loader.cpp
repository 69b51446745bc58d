// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/frame_loader.h"

#include <deque>
#include <future>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/thread_pool.h"
#include "assemble/image/preprocess.h"

namespace assemble {

struct FrameLoader::State {
  State(int64_t count, std::function<std::vector<Image>(int64_t)> maker, const Options& given)
      : groups(count),
        make(std::move(maker)),
        options(given),
        pool(given.threads > 0 ? given.threads : available_cores()) {}

  FrameGroup prepare(int64_t index) const {
    const std::vector<Image> images = make(index);
    FrameGroup group{index, static_cast<int64_t>(images.size()), options.preprocessing.eval_size, {}};
    const auto pixels = static_cast<size_t>(Image::kChannels * group.side * group.side);
    group.images.resize(images.size() * pixels);
    for (size_t i = 0; i < images.size(); ++i) {
      preprocess_frame(images[i], options.preprocessing, std::span(group.images).subspan(i * pixels, pixels));
    }
    return group;
  }

  void submit() {
    const auto task =
        std::make_shared<std::packaged_task<FrameGroup()>>([this, index = begun] { return prepare(index); });
    ahead.push_back(task->get_future());
    ++begun;
    pool.submit([task] { (*task)(); });
  }

  const int64_t groups;
  const std::function<std::vector<Image>(int64_t)> make;
  const Options options;
  int64_t begun = 0;
  int64_t broken = 0;
  std::deque<std::future<FrameGroup>> ahead;
  ThreadPool pool;  // last: its threads end before what they use
};

FrameLoader::FrameLoader(int64_t groups, std::function<std::vector<Image>(int64_t)> make, const Options& options)
    : state_(std::make_unique<State>(groups, std::move(make), options)) {}

FrameLoader::~FrameLoader() = default;

int64_t FrameLoader::broken() const { return state_->broken; }

bool FrameLoader::next(FrameGroup& group) {
  State& state = *state_;
  for (;;) {
    const auto depth = static_cast<size_t>(state.pool.threads() + 1);
    while (state.begun < state.groups && state.ahead.size() < depth) state.submit();
    if (state.ahead.empty()) return false;
    std::future<FrameGroup> first = std::move(state.ahead.front());
    state.ahead.pop_front();
    try {
      group = first.get();
      return true;
    } catch (const InputError& error) {
      log_warning(concat(error.what(), "; left out"));
      if (++state.broken > state.options.max_broken) {
        throw InputError(error.where(),
                         concat("more than ", state.options.max_broken, " broken; the last: ", error.what()),
                         "repair or remove them, or raise `max_broken`");
      }
    }
  }
}

}  // namespace assemble
