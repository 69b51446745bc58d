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

/// @param found the inserted parts
std::string without_inserted(const std::string& name, std::set<std::string>& found) {
  std::vector<std::string> parts = split(name, '.');
  std::erase_if(parts, [&](const std::string& part) {
    if (!kInserted.contains(part)) return false;
    found.insert(part);
    return true;
  });
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

/// @param average the dictionary of the averages; may be empty
std::string choose_dictionary(const NamesInFile& names, const std::string& average, bool averages,
                              const std::string& where) {
  if (averages && average.empty() && !names.contains(kAverageCounter)) {
    throw InputError(where, "holds no averaged weights (state_dict_ema, model_ema, …)", "leave out `averages`");
  }
  std::string dictionary = averages ? average : "";
  for (std::string inner; !(inner = find_dictionary(names, dictionary, kStates)).empty();) dictionary = inner;
  return dictionary;
}

void take_names(const NamesInFile& names, StateNames& state, const std::string& where) {
  std::set<std::string> inserted;
  for (const auto& [name, counts] : names) {
    if (!name.starts_with(state.dictionary)) continue;
    const auto [place, is_new] =
        state.stored.emplace(without_inserted(name.substr(state.dictionary.size()), inserted), name);
    if (!is_new) throw InputError(where, concat("holds both '", place->second, "' and '", name, "'"));
  }
  if (inserted.empty()) return;
  state.notes.push_back(concat("taken out of names: ", join({inserted.begin(), inserted.end()}, ", ")));
}

void take_off_wrappers(const NamesInFile& names, StateNames& state) {
  std::string wrappers;
  for (std::string part; !(part = shared_part(state.stored, names)).empty();) {
    std::map<std::string, std::string> bare;
    for (const auto& [name, in_file] : state.stored) {
      if (name.starts_with(part)) bare[name.substr(part.size())] = in_file;
    }
    state.stored = std::move(bare);
    wrappers += part;
  }
  if (wrappers.empty()) return;
  wrappers.pop_back();
  state.notes.push_back(concat("taken off the beginning of names: ", wrappers));
}

std::string without_dot(std::string dictionary) {
  dictionary.pop_back();
  return dictionary;
}

}  // namespace

StateNames find_state(const NamesInFile& names, bool averages, const std::string& where) {
  StateNames state;
  const std::string average = find_dictionary(names, "", kAverages);
  state.dictionary = choose_dictionary(names, average, averages, where);
  if (!state.dictionary.empty()) {
    state.notes.push_back(concat("read from '", without_dot(state.dictionary), "'"));
    if (!averages && !average.empty()) {
      state.notes.push_back(concat("averaged weights in '", without_dot(average),
                                   "' were not taken; `averages` takes them in the weights' place"));
    }
  }
  take_names(names, state, where);
  take_off_wrappers(names, state);
  return state;
}

}  // namespace assemble
