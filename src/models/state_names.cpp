// SPDX-License-Identifier: Apache-2.0
#include "state_names.h"

#include <algorithm>
#include <array>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

constexpr std::array kStates{"state_dict", "model_state_dict", "model_state", "model", "net", "network"};
constexpr std::array kAverages{"state_dict_ema",       "model_ema",      "ema_state_dict",
                               "model_state_dict_ema", "ema_model",      "ema",
                               "model_ema_state_dict", "averaged_model", "swa_state_dict"};
/// torch.optim.swa_utils.AveragedModel counts beside the averages.
constexpr const char* kAverageCounter = "n_averaged";
/// Parts that torch.compile, FSDP and activation checkpointing insert anywhere in a name.
const std::set<std::string> kInserted{"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"};

/// The first of the dictionaries within another that the file has, with a dot; empty without one.
template <typename Keys>
std::string find_dictionary(const NamesInFile& names, const std::string& within, const Keys& keys) {
  for (const char* key : keys) {
    const std::string found = concat(within, key, ".");
    const auto first = names.lower_bound(found);
    if (first != names.end() && first->first.starts_with(found)) return found;
  }
  return "";
}

std::string without_inserted(const std::string& name) {
  std::vector<std::string> parts = split(name, '.');
  std::erase_if(parts, [](const std::string& part) { return kInserted.contains(part); });
  return join(parts, ".");
}

/// The first part with its dot that all names share, counters aside; empty when there is none.
std::string shared_part(const std::map<std::string, std::string>& stored, const NamesInFile& names) {
  std::string shared;
  for (const auto& [name, in_file] : stored) {
    const size_t dot = name.find('.');
    if (dot == std::string::npos && names.at(in_file)) continue;
    const std::string part = dot == std::string::npos ? "" : name.substr(0, dot + 1);
    if (part.empty() || (!shared.empty() && part != shared)) return "";
    shared = part;
  }
  return shared;
}

}  // namespace

StateNames find_state(const NamesInFile& names, bool averages, const std::string& where) {
  StateNames state;
  const std::string average = find_dictionary(names, "", kAverages);
  if (averages) {
    state.dictionary = average;
    if (average.empty() && !names.contains(kAverageCounter)) {
      throw InputError(where, "holds no averaged weights (state_dict_ema, model_ema, …)", "leave out --ema");
    }
  }
  for (std::string inner; !(inner = find_dictionary(names, state.dictionary, kStates)).empty();) {
    state.dictionary = inner;
  }
  for (const auto& [name, counts] : names) {
    if (!name.starts_with(state.dictionary)) continue;
    state.stored[without_inserted(name.substr(state.dictionary.size()))] = name;
  }
  if (!state.dictionary.empty()) {
    state.notes.push_back(concat("read from '", state.dictionary.substr(0, state.dictionary.size() - 1), "'"));
  }
  if (!averages && !average.empty() && !state.dictionary.empty()) {
    state.notes.push_back(concat("averaged weights in '", average.substr(0, average.size() - 1),
                                 "' were not taken; --ema takes them in the weights' place"));
  }
  std::string wrappers;
  for (std::string part; !(part = shared_part(state.stored, names)).empty();) {
    std::map<std::string, std::string> bare;
    for (const auto& [name, in_file] : state.stored) {
      if (name.starts_with(part)) bare[name.substr(part.size())] = in_file;
    }
    state.stored = std::move(bare);
    wrappers += part;
  }
  if (!wrappers.empty()) state.notes.push_back(concat("names began with '", wrappers, "', which was taken off"));
  return state;
}

}  // namespace assemble
