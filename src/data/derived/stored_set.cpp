// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/stored_set.h"

#include <algorithm>
#include <array>

#include "assemble/core/error.h"
#include "assemble/data/corrupt_set.h"
#include "assemble/data/perturb_set.h"
#include "derived/sequence_files.h"
#include "sources/listing.h"

namespace assemble {
namespace {

constexpr std::array<const char*, 5> kArchives{"blur", "digital", "extra", "noise", "weather"};

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_severity(const std::string& name) { return name.size() == 1 && name[0] >= '1' && name[0] <= '5'; }

bool holds_severities(const fs::path& folder) {
  const std::vector<std::string> names = folder_names(folder);
  return !names.empty() && std::all_of(names.begin(), names.end(), is_severity) && frame_files(folder).empty() &&
         std::all_of(names.begin(), names.end(),
                     [&](const std::string& name) { return frame_files(folder / name).empty(); });
}

bool holds_sequences(const fs::path& folder, const std::string& kind) {
  const auto found = first_sequence(folder);
  if (!found) return false;
  if (!is_folder(found->path)) return true;
  const auto frames = static_cast<size_t>(perturbation_frames(kind));
  return found->depth >= 2 || (found->depth == 1 && frame_files(found->path).size() == frames);
}

/// What the folders in a folder speak for.
struct Evidence {
  bool stored = false;
  bool clean = false;

  Reading reading() const {
    if (stored && clean) return Reading::kUnclear;
    return stored ? Reading::kStored : Reading::kClean;
  }
};

/// @param is_part whether a folder of this path, named after a corruption or kind, holds what one of a stored set does
template <typename IsPart>
void weigh(const fs::path& directory, const std::vector<std::string>& parts, const IsPart& is_part, bool in_archive,
           Evidence& evidence) {
  for (const std::string& name : folder_names(directory)) {
    const fs::path folder = directory / name;
    if (contains(parts, name) && is_part(folder, name)) {
      evidence.stored = true;
    } else if (!in_archive && std::find(kArchives.begin(), kArchives.end(), name) != kArchives.end() &&
               frame_files(folder).empty()) {
      weigh(folder, parts, is_part, true, evidence);
    } else if (first_sequence(folder)) {
      evidence.clean = true;
    }
  }
}

}  // namespace

Reading read_as_corrupted(const fs::path& directory) {
  if (!is_folder(directory)) return Reading::kClean;
  if (fs::exists(directory / kCorruptSetManifest)) return Reading::kStored;
  Evidence evidence;
  weigh(
      directory, all_corruption_names(),
      [](const fs::path& folder, const std::string&) { return holds_severities(folder); }, false, evidence);
  return evidence.reading();
}

Reading read_as_sequences(const fs::path& directory) {
  if (!is_folder(directory)) return Reading::kClean;
  if (fs::exists(directory / kPerturbSetManifest)) return Reading::kStored;
  Evidence evidence;
  weigh(directory, perturbation_names(), holds_sequences, false, evidence);
  return evidence.reading();
}

fs::path part_folder(const fs::path& directory, const std::string& name) {
  std::vector<fs::path> found;
  if (is_folder(directory / name)) found.push_back(directory / name);
  for (const char* archive : kArchives) {
    if (is_folder(directory / archive / name)) found.push_back(directory / archive / name);
  }
  if (found.size() > 1) {
    throw InputError(found[1].string(), concat("is there as ", found[0].string(), " too"), "remove one of them");
  }
  return found.empty() ? directory / name : found.front();
}

}  // namespace assemble
