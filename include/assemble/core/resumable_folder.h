// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// A folder that is filled over several runs of a program. One file in it, the record, says of what: it is written
/// before the first result, whole or not at all, so that a run that was killed can go on, and one with other settings
/// is refused instead of being mixed in. The record is a JSON object and may also hold what is finished.
class ResumableFolder {
 public:
  /// How a kind of folder is spoken of.
  struct Kind {
    std::string record = {};        ///< the file's name
    std::string what = {};          ///< that the record is, for example "the state of a run"
    std::string made_with = {};     ///< "was made with", "holds a run with": what stands before a setting in the error
    std::string other_hint = {};    ///< what to do about a folder of other settings
    std::string damaged_hint = {};  ///< what to do about a record that cannot be read
    int indent = 2;                 ///< of the record
  };

  ResumableFolder(fs::path folder, Kind kind);

  const fs::path& path() const { return folder_; }
  fs::path record() const { return folder_ / kind_.record; }

  /// What the last run recorded; null when the folder has no record.
  /// @throws InputError when the record is no JSON object
  nlohmann::ordered_json read() const;

  /// The first of the settings that a record has not, or has otherwise.
  /// @param earlier  a record
  /// @param optional settings that a record of an earlier version may lack
  static std::optional<std::string> first_change(const nlohmann::ordered_json& earlier,
                                                 const nlohmann::ordered_json& settings,
                                                 const std::vector<std::string>& optional = {});

  /// @throws UsageError, with both values, when a setting is another one
  void require_same(const nlohmann::ordered_json& earlier, const nlohmann::ordered_json& settings,
                    const std::vector<std::string>& optional = {}) const;

  /// Of a folder without a record: what a program without one wrote, or a person, is not to be replaced.
  /// @param parts names of the files and folders that a run writes
  /// @throws UsageError when one is there, other than an empty folder
  void require_new(const std::vector<std::string>& parts) const;

  /// Whether the folder is new, as require_new(), or one of the same settings, as require_same(). Changes nothing.
  /// @return the record, null for a new folder
  nlohmann::ordered_json require_own(const nlohmann::ordered_json& settings,
                                     const std::vector<std::string>& parts) const;

  /// Makes the folder and its parents, and removes what killed runs left half written.
  /// @throws RunError when it cannot be made
  void prepare() const;

  /// Writes the record in the place of the one before.
  /// @throws RunError when it cannot be written
  void write(const nlohmann::ordered_json& record) const;

  /// @throws InputError, for a record that lacks something
  [[noreturn]] void fail_damaged(const std::string& why) const;

 private:
  fs::path folder_;
  Kind kind_;
};

}  // namespace assemble
