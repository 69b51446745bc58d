// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/resumable_folder.h"

#include <algorithm>
#include <utility>

#include "assemble/core/error.h"
#include "assemble/core/json.h"

namespace assemble {

using nlohmann::ordered_json;

ResumableFolder::ResumableFolder(fs::path folder, Kind kind) : folder_(std::move(folder)), kind_(std::move(kind)) {}

ordered_json ResumableFolder::read() const {
  if (!fs::exists(record())) return nullptr;
  const Bytes bytes = read_file(record(), uint64_t{1} << 26);
  try {
    ordered_json earlier = ordered_json::parse(bytes);
    if (!earlier.is_object()) fail_damaged("it holds no JSON object");
    return earlier;
  } catch (const ordered_json::exception& error) {
    fail_damaged(json_problem(error));
  }
}

std::optional<std::string> ResumableFolder::first_change(const ordered_json& earlier, const ordered_json& settings,
                                                         const std::vector<std::string>& optional) {
  for (const auto& [key, value] : settings.items()) {
    if (earlier.contains(key) ? earlier[key] == value
                              : std::find(optional.begin(), optional.end(), key) != optional.end()) {
      continue;
    }
    return key;
  }
  return std::nullopt;
}

void ResumableFolder::require_same(const ordered_json& earlier, const ordered_json& settings,
                                   const std::vector<std::string>& optional) const {
  const std::optional<std::string> key = first_change(earlier, settings, optional);
  if (!key) return;
  const ordered_json before = earlier.contains(*key) ? earlier[*key] : ordered_json();
  throw UsageError(record().string(),
                   concat(kind_.made_with, " ", *key, " ", json_text(before), ", not ", json_text(settings[*key])),
                   kind_.other_hint);
}

void ResumableFolder::require_new(const std::vector<std::string>& parts) const {
  for (const std::string& part : parts) {
    const fs::path path = folder_ / part;
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(path, ignored))) continue;
    if (fs::is_directory(path, ignored) && fs::is_empty(path, ignored)) continue;
    throw UsageError(path.string(), concat("is there already, but no ", kind_.record, " that says how it was made"),
                     "write into another folder, or remove it");
  }
}

ordered_json ResumableFolder::require_own(const ordered_json& settings, const std::vector<std::string>& parts) const {
  ordered_json earlier = read();
  if (earlier.is_null()) {
    require_new(parts);
  } else {
    require_same(earlier, settings);
  }
  return earlier;
}

void ResumableFolder::prepare() const {
  make_directories(folder_);
  remove_stale_temporaries(folder_);
}

void ResumableFolder::write(const ordered_json& record_now) const {
  write_file(record(), std::string_view(json_text(record_now, kind_.indent) + "\n"));
}

void ResumableFolder::fail_damaged(const std::string& why) const {
  throw InputError(record().string(), concat("is not ", kind_.what, ": ", why), kind_.damaged_hint);
}

}  // namespace assemble
