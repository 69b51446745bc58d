// SPDX-License-Identifier: Apache-2.0
#include "engines/overflow.h"

#include "assemble/core/finite.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/deploy/benchmark.h"
#include "engines/observer.h"

namespace assemble {
namespace {

/// Of the initial values in running statistics. Below it they are near enough to what the network computes.
constexpr double kUnsettled = 0.01;
/// Of pixels, before they are divided by the preprocessing's deviation.
constexpr float kPixelDeviation = 60;

}  // namespace

void warn_of_overflow(const Graph& traced, const ModelCard& card, const std::string& where) {
  const double share = initial_statistics(card);
  if (share < kUnsettled) return;
  std::vector<NodeId> rectified;
  for (const Node& node : traced.nodes()) {
    if (node.as<ops::Relu>()) rectified.push_back(node.inputs[0]);
  }
  const RandomImages noise(1, traced.input().shape.at(1), kPixelDeviation / card.preprocessing.deviation[0]);
  bool finite = true;
  GraphObserver(traced, rectified).run(noise.view(), [&](size_t, std::span<const float> values) {
    finite &= all_finite(values);
  });
  if (finite) return;
  log_warning(concat(where, ": what it computes is infinite on the way, so its outputs say nothing: the running ",
                     "statistics of its batch norms still are by ", format_number(100 * share, 0),
                     " % their initial values (train longer, or with a lower `bn_momentum`)"));
}

}  // namespace assemble
