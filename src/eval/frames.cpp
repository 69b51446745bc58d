// SPDX-License-Identifier: Apache-2.0
#include "frames.h"

#include <algorithm>
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/data/frame_loader.h"

namespace assemble {
namespace {

std::vector<float> mirrored(const Images& images) {
  std::vector<float> pixels(static_cast<size_t>(images.count * images.height * images.width * Image::kChannels));
  const auto width = static_cast<size_t>(images.width);
  for (size_t row = 0; row < static_cast<size_t>(images.count * images.height); ++row) {
    for (size_t x = 0; x < width; ++x) {
      const float* from = std::get<const float*>(images.pixels) + (row * width + x) * Image::kChannels;
      std::copy_n(from, Image::kChannels, pixels.data() + (row * width + width - 1 - x) * Image::kChannels);
    }
  }
  return pixels;
}

Matrix answer(const EnsembleMember& member, const Images& frames, TestViews views) {
  Matrix logits = member.network(frames);
  if (views == TestViews::kOne) return logits;
  const std::vector<float> pixels = mirrored(frames);
  Images mirror = frames;
  mirror.pixels = pixels.data();
  mix_in(logits, member.network(mirror), 0.5, member.outputs.loss);
  return logits;
}

}  // namespace

void run_frames(const MeasuredEnsemble& ensemble, int64_t groups,
                const std::function<std::vector<Image>(int64_t)>& make, const std::string& progress,
                const std::function<void(int64_t group, const Matrix& logits)>& see) {
  const TestViews views = ensemble.loader.views;
  if (views != TestViews::kOne && views != TestViews::kMirror) {
    throw UsageError("`tta`", concat(kTestViews.name(views), " looks at other parts of an image, and frames are cut"),
                     "give mirror or none");
  }
  const int64_t first = groups * ensemble.loader.rank / ensemble.loader.world;
  const int64_t count = groups * (ensemble.loader.rank + 1) / ensemble.loader.world - first;
  const auto make_own = [&](int64_t index) { return make(first + index); };
  std::map<int64_t, Matrix> earlier;
  double weights = 0;
  for (size_t m = 0; m < ensemble.members.size(); ++m) {
    const EnsembleMember& member = ensemble.members[m];
    weights += member.weight;
    FrameLoader loader(count, make_own, {member.preprocessing, ensemble.loader.threads, ensemble.loader.max_broken});
    Progress bar(progress, count, "groups of frames");
    std::map<int64_t, Matrix> with_this;
    FrameGroup group;
    while (loader.next(group)) {
      bar.advance(1);
      const auto before = earlier.find(group.index);
      if (m > 0 && before == earlier.end()) continue;
      Matrix logits = answer(member, images_of(group), views);
      require_finite(logits, member.outputs.network,
                     [&](int64_t row) { return concat("frame ", row, " of group ", first + group.index); });
      if (m > 0) {
        mix_in(before->second, logits, member.weight / weights, member.outputs.loss);
        logits = std::move(before->second);
      }
      if (m + 1 == ensemble.members.size()) {
        see(first + group.index, logits);
      } else {
        with_this[group.index] = std::move(logits);
      }
    }
    earlier = std::move(with_this);
  }
}

}  // namespace assemble
