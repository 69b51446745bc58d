// SPDX-License-Identifier: Apache-2.0
#include "sources/listing.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/data/image_folder.h"
#include "assemble/image/format.h"

namespace assemble {
namespace {

constexpr const char* kLinksBack = "links to folders listed already";
constexpr const char* kNoFile = "no regular file";

void require_folder(const fs::path& directory) {
  std::error_code code;
  const fs::file_status status = fs::status(directory, code);
  if (!fs::exists(status)) throw InputError(directory.string(), "no such folder", "check the path");
  if (!fs::is_directory(status)) throw InputError(directory.string(), "is a file, expected a folder");
}

[[noreturn]] void refuse_unreadable(const fs::path& directory, const fs::filesystem_error& error) {
  throw InputError(directory.string(), "cannot be listed: " + error.code().message(), "check its permissions");
}

/// The folder without links in its path, or an empty path for a link that leads nowhere.
fs::path real_path(const fs::path& folder) {
  std::error_code code;
  return fs::canonical(folder, code);
}

bool is_folder(const fs::directory_entry& entry) {
  std::error_code code;
  return entry.is_directory(code);
}

/// Is `inner` the folder `outer` or below it? Both without links.
bool is_within(const fs::path& inner, const fs::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

bool leads_back(const fs::directory_entry& link) {
  return is_within(real_path(link.path().parent_path()), real_path(link.path()));
}

}  // namespace

bool is_debris(std::string_view name) {
  static constexpr std::string_view kNames[] = {"__macosx",        "thumbs.db",
                                                "ehthumbs.db",     "ehthumbs_vista.db",
                                                "desktop.ini",     "icon\r",
                                                "@eadir",          "@tmp",
                                                "@recycle",        "@recently-snapshot",
                                                "#recycle",        "#snapshot",
                                                "lost+found",      "resource.frk",
                                                "$recycle.bin",    "recycler",
                                                "recycled",        "system volume information",
                                                "found.000",       "__pycache__",
                                                "picasa.ini",      "albumart.db",
                                                "temporary items", "network trash folder",
                                                "zbthumbnail.info"};
  if (name == "." || name == "..") return false;
  return name.starts_with('.') || std::find(std::begin(kNames), std::end(kNames), to_lower(name)) != std::end(kNames);
}

std::vector<std::string> path_parts(std::string_view path) {
  const char separator = path.find('/') == std::string_view::npos ? '\\' : '/';
  std::vector<std::string> parts = split(path, separator);
  std::erase_if(parts, [](const std::string& part) { return part.empty() || part == "."; });
  return parts;
}

bool holds_debris(std::string_view path) {
  const std::vector<std::string> parts = path_parts(path);
  return std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return is_debris(part); });
}

void pass_over(PassedOver& counts, const fs::path& file) {
  constexpr size_t kLongest = 12;
  const std::string extension = to_lower(one_line(file.extension().string()));
  ++counts[extension.empty() || extension.size() > kLongest ? "without a known extension" : extension];
}

std::string passed_over_text(const PassedOver& counts) {
  constexpr size_t kShown = 8;
  std::vector<std::pair<int64_t, std::string>> kinds;
  for (const auto& [kind, count] : counts) kinds.emplace_back(-count, kind);
  std::sort(kinds.begin(), kinds.end());
  std::vector<std::string> texts;
  for (size_t i = 0; i < std::min(kinds.size(), kShown); ++i) {
    texts.push_back(concat(-kinds[i].first, " ", kinds[i].second));
  }
  if (kinds.size() > kShown) texts.emplace_back("…");
  return join(texts, ", ");
}

void warn_passed_over(const PassedOver& counts, const std::string& where) {
  int64_t all = 0;
  for (const auto& [kind, count] : counts) all += count;
  if (all == 0) return;
  log_warning(concat(one_line(where), ": ", all, all == 1 ? " file is" : " files are",
                     " passed over: ", passed_over_text(counts), " (", readable_formats(), " are read)"));
}

std::vector<std::string> folder_names(const fs::path& directory) {
  require_folder(directory);
  std::vector<std::string> names;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
      const std::string name = entry.path().filename().string();
      if (is_debris(name) || !is_folder(entry) || (entry.is_symlink() && leads_back(entry))) continue;
      names.push_back(name);
    }
  } catch (const fs::filesystem_error& error) {
    refuse_unreadable(directory, error);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Sample read_image_file(const fs::path& path, int64_t label) {
  constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;
  Sample sample;
  sample.encoded = read_file(path, kMaxFileBytes);
  sample.label = label;
  sample.name = one_line(path.string());
  return sample;
}

bool holds_images(const fs::path& directory) {
  std::error_code code;
  for (fs::directory_iterator entry(directory, code), end; !code && entry != end; entry.increment(code)) {
    const fs::path& path = entry->path();
    if (!is_debris(path.filename().string()) && is_image_file(path) && !is_folder(*entry)) return true;
  }
  return false;
}

std::vector<fs::path> ImageLister::list(const fs::path& folder) {
  start_ = folder;
  files_.clear();
  visit(folder, real_path(folder));
  std::sort(files_.begin(), files_.end(), [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
  return std::move(files_);
}

void ImageLister::visit(const fs::path& folder, const fs::path& real) {
  const auto [seen, is_new] = seen_.emplace(real, start_);
  if (!is_new && seen->second == start_) {
    ++passed_over_[kLinksBack];
    return;
  }
  if (!is_new) {
    throw InputError(
        one_line(folder.string()),
        concat("is listed under ", one_line(seen->second.string()), " already: its images would have two ", "labels"),
        "remove one of the links");
  }
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      if (is_debris(entry.path().filename().string())) continue;
      if (!is_folder(entry)) {
        take(entry);
      } else if (entry.is_symlink() && leads_back(entry)) {
        ++passed_over_[kLinksBack];
      } else {
        visit(entry.path(), entry.is_symlink() ? real_path(entry.path()) : real / entry.path().filename());
      }
    }
  } catch (const fs::filesystem_error& error) {
    refuse_unreadable(folder, error);
  }
}

void ImageLister::take(const fs::directory_entry& entry) {
  std::error_code code;
  const fs::file_status status = entry.status(code);
  const bool dangling = code || !fs::exists(status);
  if (!is_image_file(entry.path())) {
    pass_over(passed_over_, entry.path());
  } else if (dangling || fs::is_regular_file(status)) {
    files_.push_back(entry.path());
  } else {
    ++passed_over_[kNoFile];  // reading a pipe would wait for ever
  }
}

void ImageLister::pass_over_files_in(const fs::path& folder) {
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    const fs::path& path = entry->path();
    if (is_debris(path.filename().string()) || is_folder(*entry)) continue;
    if (is_image_file(path)) {
      ++passed_over_[kInNoClassFolder];
    } else {
      pass_over(passed_over_, path);
    }
  }
}

std::map<std::string, std::string> class_folders(const std::vector<std::string>& folders, const std::string& where) {
  std::map<std::string, std::string> classes;
  std::vector<std::string> converted;
  for (const std::string& folder : folders) {
    const std::string name = name_text(folder);
    if (std::any_of(name.begin(), name.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; })) {
      throw InputError(concat(where, ": ", one_line(name)), "a class name with control characters",
                       "rename the folder");
    }
    const auto [other, is_new] = classes.emplace(name, folder);
    if (!is_new && other->second != folder) {
      throw InputError(where, concat("two folders are the class '", name, "', in different bytes"),
                       "rename or merge them");
    }
    if (!is_utf8(folder)) converted.push_back("'" + name + "'");
  }
  if (!converted.empty()) {
    log_warning(
        concat(where, ": names of classes that are not UTF-8 are read as Windows-1252: ", join(converted, ", ")));
  }
  return classes;
}

std::vector<std::string> class_names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& [name, folder] : class_folders(folder_names(directory), one_line(directory.string()))) {
    names.push_back(name);
  }
  return names;
}

void require_known_classes(const std::map<std::string, std::string>& folders, const std::vector<std::string>& known,
                           const std::string& where) {
  const std::set<std::string> names(known.begin(), known.end());
  for (const auto& [name, folder] : folders) {
    if (names.contains(name)) continue;
    const std::string near = nearest(name, known);
    throw InputError(concat(where, "/", name),
                     concat("is none of the ", known.size(), " classes expected",
                            near.empty() ? "" : "; the nearest is '" + near + "'"),
                     "rename or remove the folder; classes that training has not are for `validation.metric` recall@1");
  }
}

}  // namespace assemble
