// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

namespace assemble {

/// Which of a file's tensors are the network's, and what the network calls them.
struct StateNames {
  std::map<std::string, std::string> stored;  ///< the file's name by the network's
  std::string dictionary;                     ///< what the file's names begin with: "state_dict."; may be empty
  std::vector<std::string> notes;             ///< what was taken, and what was taken off
};

/// A tensor's name in the file, and whether it is a whole number without axes, which counts something.
using NamesInFile = std::map<std::string, bool>;

/// Training checkpoints hold dictionaries: of these the network's is taken ("state_dict", "model", "net" …, also one in
/// the other), or with `averages` that of the moving averages ("state_dict_ema", "model_ema" …). A first part that all
/// names in it share is a wrapper's ("module." of data parallel, "_orig_mod." of compiled networks, "model." of
/// Lightning, several of them) and is taken off, as are the parts that wrappers of layers insert. Counters beside it
/// ("n_averaged") are left out.
/// @throws InputError when there are no averages to take, or two names become one
StateNames find_state(const NamesInFile& names, bool averages, const std::string& where);

}  // namespace assemble
