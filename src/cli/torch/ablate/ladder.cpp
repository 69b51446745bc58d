// SPDX-License-Identifier: Apache-2.0
#include "torch/ablate/ladder.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble::cli {
namespace {

constexpr std::string_view kRungPrefix = "rung:";

/// Options of `train` that `ablate` sets for each run.
bool is_of_ablate(const std::string& key) { return key == "data" || key == "out" || key == "seed"; }

class Reader {
 public:
  explicit Reader(const std::string& file)
      : file_(file), ladder_{.title = fs::path(file).stem().string(), .rungs = {}} {}

  Ladder read(std::vector<TomlEntry> file) {
    for (TomlEntry& entry : file) take(std::move(entry));
    if (names_.empty()) throw UsageError(file_, "has no rungs", R"(write rungs = ["first", "second"])");
    for (const std::string& name : names_) add(name);
    for (const auto& [name, entries] : tables_) {
      if (std::ranges::find(names_, name) == names_.end()) {
        throw UsageError(where(entries.front()), concat("'", name, "' is not among `rungs`"), suggestion(name));
      }
    }
    return std::move(ladder_);
  }

 private:
  std::string where(const TomlEntry& entry) const { return concat(file_, ":", entry.line, ":", entry.column); }

  std::string suggestion(const std::string& name) const {
    const std::string match = nearest(name, names_);
    return match.empty() ? "add it, or remove its table" : concat("did you mean '", match, "'?");
  }

  void take(TomlEntry&& entry) {
    const std::vector<std::string>& path = entry.path;
    if (entry.values.empty())
      throw UsageError(where(entry), concat("'", join(path, "."), "' is empty"), "give a value");
    if (path.size() == 1 && path[0] == "title") {
      ladder_.title = entry.values.front().written;
    } else if (path.size() == 1 && path[0] == "rungs") {
      take_names(entry);
    } else if (path.size() == 1) {
      ladder_.settings.push_back(std::move(entry));
    } else if (path.size() == 2 && path[0] == "train") {
      common_.push_back(as_option(std::move(entry)));
    } else if (path.size() == 3 && path[0] == "rung") {
      std::vector<TomlEntry>& table = tables_[path[1]];
      table.push_back(path[2] == "follows" ? std::move(entry) : as_option(std::move(entry)));
    } else {
      throw UsageError(where(entry), concat("unknown key '", join(path, "."), "'"),
                       "a ladder has title, rungs, options of `ablate`, [train] and [rung.NAME]");
    }
  }

  void take_names(const TomlEntry& entry) {
    std::set<std::string> folders;
    for (const TomlValue& value : entry.values) {
      const std::string& name = value.written;
      if (!folders.insert(folder_name(name)).second || folder_name(name).empty()) {
        throw UsageError(where(entry), concat("'", name, "' is empty or much like another rung"),
                         "names differ in letters or digits: each has a folder");
      }
      names_.push_back(name);
    }
  }

  /// As it stands in a configuration of `train`.
  TomlEntry as_option(TomlEntry&& entry) const {
    const std::string key = entry.path.back();
    if (is_of_ablate(key)) {
      throw UsageError(where(entry), concat("'", key, "' is set for each run"),
                       "leave it out: see --data, --out, --seeds");
    }
    entry.path = {key};
    return std::move(entry);
  }

  void add(const std::string& name) {
    const auto table = tables_.find(name);
    const bool first = ladder_.rungs.empty();
    if (table == tables_.end() && !first) {
      throw UsageError(file_, concat("rung '", name, "' changes nothing"),
                       concat("write what it changes below [rung.", name, "]"));
    }
    Rung rung{.name = name, .follows = first ? "" : ladder_.rungs.back().name, .options = {}};
    std::vector<TomlEntry> own;
    if (table != tables_.end()) {
      for (const TomlEntry& entry : table->second) {
        if (entry.path.back() == "follows" && entry.path.size() == 3) {
          rung.follows = entry.values.front().written;
          require_earlier(rung.follows, entry);
        } else {
          own.push_back(entry);
        }
      }
    }
    const std::vector<TomlEntry>& before = first ? common_ : rung_of(rung.follows).options;
    rung.options = before;
    for (const TomlEntry& change : own) set_option(rung.options, change);
    if (!first) rung.changes = config_changes(before, rung.options);
    if (!first && rung.changes.empty()) {
      throw UsageError(where(own.empty() ? table->second.front() : own.front()),
                       concat("rung '", name, "' changes nothing in '", rung.follows, "'"), "give it other values");
    }
    for (const TomlEntry& entry : rung.options) {
      if (const std::string other = rung_named_by(entry); !other.empty()) require_earlier(other, entry);
    }
    ladder_.rungs.push_back(std::move(rung));
  }

  void require_earlier(const std::string& name, const TomlEntry& entry) const {
    if (std::ranges::find(ladder_.rungs, name, &Rung::name) != ladder_.rungs.end()) return;
    throw UsageError(where(entry), concat("'", name, "' is no earlier rung"), suggestion(name));
  }

  const Rung& rung_of(const std::string& name) const { return *std::ranges::find(ladder_.rungs, name, &Rung::name); }

  std::string file_;
  Ladder ladder_;
  std::vector<std::string> names_;
  std::vector<TomlEntry> common_;
  std::map<std::string, std::vector<TomlEntry>> tables_;
};

}  // namespace

Ladder Ladder::read(const fs::path& file) { return Reader(file.string()).read(read_config(file.string())); }

Ladder Ladder::parse(std::string_view text, const std::string& where) {
  return Reader(where).read(read_toml(text, where));
}

TomlEntry number_option(const std::string& key, const std::string& written) {
  return {.path = {key},
          .is_array = false,
          .values = {{TomlValue::Kind::kInteger, written, written}},
          .line = 0,
          .column = 0};
}

void set_option(std::vector<TomlEntry>& options, TomlEntry entry) {
  std::erase_if(options, [&](const TomlEntry& other) { return other.path == entry.path; });
  options.push_back(std::move(entry));
}

std::string rung_named_by(const TomlEntry& entry) {
  const std::string& key = entry.path.back();
  if ((key != "pretrained" && key != "teacher") || entry.values.empty()) return "";
  const std::string& text = entry.values.front().written;
  return text.starts_with(kRungPrefix) ? text.substr(kRungPrefix.size()) : "";
}

std::string folder_name(const std::string& rung) {
  std::string name;
  for (const char c : to_lower(rung)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 && static_cast<unsigned char>(c) < 128;
    if (plain) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  if (name.ends_with('-')) name.pop_back();
  return name;
}

}  // namespace assemble::cli
