// SPDX-License-Identifier: Apache-2.0
#include "common/flags.h"

#include <algorithm>
#include <map>
#include <vector>

#include "common/config.h"

namespace assemble::cli {
namespace {

/// Flags that are not called as the members that they set.
const std::map<std::string_view, std::string_view>& other_names() {
  static const std::map<std::string_view, std::string_view> names{
      {"augmentation.aug_mix.severity", "aug-mix"},
      {"augmentation.erasing.probability", "random-erasing"},
      {"augmentation.flip_probability", "flip"},
      {"augmentation.pix_mix.beta", "pix-mix-beta"},
      {"augmentation.pix_mix.rounds", "pix-mix"},
      {"augmentation.pix_mix.severity", "pix-mix-severity"},
      {"average_decay", "ema"},
      {"averages", "ema"},
      {"optimizer.type", "optimizer"},
      {"pretrained_averages", "pretrained-ema"},
      {"schedule.base", "lr"},
      {"schedule.boundary_epochs", "lr-boundaries"},
      {"schedule.decay_factor", "lr-decay-factor"},
      {"schedule.end", "lr-end"},
      {"schedule.rates", "lr-rates"},
      {"schedule.train_epochs", "epochs"},
      {"schedule.type", "lr-schedule"},
      {"sigmoid.divisor", "sigmoid-divisor"},
      {"target", "to"},
      {"validation.metric", "validation-metric"}};
  return names;
}

}  // namespace

std::string flag_of(std::string_view option) {
  const bool off = option.starts_with('!');
  if (off) option.remove_prefix(1);
  const auto other = other_names().find(option);
  std::string flag(other == other_names().end() ? option.substr(option.rfind('.') + 1) : other->second);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return off ? "no-" + flag : flag;
}

std::string with_flags(const CLI::App& app, std::string_view text) {
  const std::vector<std::string> flags = option_names(app);
  std::string result;
  for (;;) {
    const size_t begin = text.find('`');
    const size_t end = begin == std::string_view::npos ? begin : text.find('`', begin + 1);
    if (end == std::string_view::npos) return result.append(text);
    const std::string flag = flag_of(text.substr(begin + 1, end - begin - 1));
    const bool is_flag = std::find(flags.begin(), flags.end(), flag) != flags.end();
    result.append(text.substr(0, is_flag ? begin : end + 1));
    if (is_flag) result += "--" + flag;
    text.remove_prefix(end + 1);
  }
}

}  // namespace assemble::cli
