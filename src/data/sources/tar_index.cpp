// SPDX-License-Identifier: Apache-2.0
#include "sources/tar_index.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/data/image_folder.h"
#include "sources/listing.h"

namespace assemble {
namespace {

constexpr size_t kBlock = size_t{1} << 16;
constexpr size_t kMaxLabelText = 64;

using Archive = std::unique_ptr<archive, decltype(&archive_read_free)>;

Archive open_tar(const fs::path& path) {
  Archive tar(archive_read_new(), archive_read_free);
  if (!tar) throw RunError(path.string(), "out of memory");
  archive_read_support_format_tar(tar.get());
  archive_read_support_format_empty(tar.get());
  if (archive_read_open_filename(tar.get(), path.c_str(), kBlock) != ARCHIVE_OK) {
    throw InputError(path.string(), concat("cannot be opened: ", archive_error_string(tar.get())));
  }
  return tar;
}

/// The path up to the first dot of its last part, which the files of a sample share.
std::string_view key_of(std::string_view name) {
  const size_t slash = name.rfind('/');
  return name.substr(0, name.find('.', slash == std::string_view::npos ? 0 : slash + 1));
}

/// The path without the extension.
std::string_view stem_of(std::string_view name) {
  const std::string_view key = key_of(name);
  return key.size() == name.size() ? name : name.substr(0, name.rfind('.'));
}

bool is_label(const std::string& name) { return to_lower(fs::path(name).extension().string()) == ".cls"; }

std::optional<int64_t> parse_label(std::span<const uint8_t> bytes, const std::string& where) {
  const std::vector<TextLine> lines = lines_of(decode_text(bytes, where));
  if (lines.size() != 1) return std::nullopt;
  const std::string& text = lines[0].text;
  int64_t label = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), label);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return label;
}

/// Members that share a key.
struct Group {
  struct Label {
    std::string name;
    std::optional<int64_t> value;
  };
  std::vector<TarSample> images;
  std::vector<Label> labels;
  std::vector<std::string> others;
};

/// Makes samples of the members of a group.
class Pairing {
 public:
  Pairing(Group group, const fs::path& path, TarIndex& index, std::vector<std::string>& defects)
      : group_(std::move(group)), path_(path), index_(index), defects_(defects), taken_(group_.images.size()) {
    for (const Group::Label& label : group_.labels) labelled_.insert(stem_of(label.name));
  }

  void run() {
    give_labels([](std::string_view image) { return std::vector{stem_of(image)}; });
    give_labels(longer_names_of);  // "KEY.seg.png" has the label of "KEY.cls" where there is no KEY.png
    for (const Group::Label& label : group_.labels) {
      if (given_.contains(label.name)) continue;
      defects_.push_back(concat(path_.string(), ": '", one_line(stem_of(label.name)), "' has a label but no image"));
    }
    for (size_t i = 0; i < group_.images.size(); ++i) {
      if (!taken_[i]) leave(group_.images[i]);
    }
    if (!group_.labels.empty() && !group_.images.empty()) return;  // parts of a sample, as "KEY.json" is
    for (const std::string& other : group_.others) index_.others.push_back({other, ""});
  }

 private:
  /// Stems of which the name is one with further dots; of names with very many dots the first few.
  static std::vector<std::string_view> longer_names_of(std::string_view image) {
    constexpr size_t kMostDots = 8;
    std::vector<std::string_view> stems;
    for (size_t dot = key_of(image).size(); dot < image.size() && stems.size() < kMostDots;) {
      stems.push_back(image.substr(0, dot));
      dot = image.find('.', dot + 1);
    }
    return stems;
  }

  /// Each label that was given to no image yet to the image of the shortest name among those of its stem.
  template <typename StemsOf>
  void give_labels(const StemsOf& stems_of) {
    std::unordered_map<std::string_view, size_t> best;
    for (size_t i = 0; i < group_.images.size(); ++i) {
      if (taken_[i]) continue;
      for (const std::string_view stem : stems_of(group_.images[i].name)) {
        const auto [found, is_new] = best.emplace(stem, i);
        if (!is_new && group_.images[i].name.size() < group_.images[found->second].name.size()) found->second = i;
      }
    }
    for (const Group::Label& label : group_.labels) {
      const auto found = best.find(stem_of(label.name));
      if (given_.contains(label.name) || found == best.end() || taken_[found->second]) continue;
      given_.insert(label.name);
      taken_[found->second] = true;
      group_.images[found->second].cls = label.value;
      if (label.value) index_.samples.push_back(group_.images[found->second]);
    }
  }

  void leave(const TarSample& image) {
    const std::vector<std::string_view> stems = longer_names_of(image.name);
    const bool second =
        std::any_of(stems.begin(), stems.end(), [&](std::string_view stem) { return labelled_.contains(stem); });
    if (second) {
      index_.others.push_back({image.name, "second images of samples"});
    } else {
      index_.samples.push_back(image);
    }
  }

  Group group_;
  const fs::path& path_;
  TarIndex& index_;
  std::vector<std::string>& defects_;
  std::vector<bool> taken_;
  std::unordered_set<std::string_view> labelled_;  ///< stems of the labels
  std::unordered_set<std::string> given_;          ///< names of labels that an image has
};

class TarIndexer {
 public:
  TarIndexer(const fs::path& path, std::vector<std::string>* defects)
      : path_(path), size_(fs::file_size(path)), defects_(*defects), tar_(open_tar(path)) {}

  TarIndex run() {
    archive_entry* entry = nullptr;
    for (;;) {
      const int status = archive_read_next_header(tar_.get(), &entry);
      if (status == ARCHIVE_EOF) break;
      if (status == ARCHIVE_FATAL || status == ARCHIVE_RETRY) {
        report_damage();
        break;
      }
      // A name that the locale cannot show is still there in its bytes.
      const char* name = archive_entry_pathname(entry);
      if (name != nullptr && !holds_debris(name)) take(entry, name);
    }
    resolve_links();
    TarIndex index;
    for (Group& group : groups_) Pairing(std::move(group), path_, index, defects_).run();
    index.others.insert(index.others.end(), links_left_.begin(), links_left_.end());
    return index;
  }

 private:
  std::string place() const { return concat(path_.string(), " at offset ", archive_read_header_position(tar_.get())); }

  void report_damage() {
    const std::string what = archive_error_string(tar_.get()) == nullptr ? "damaged" : archive_error_string(tar_.get());
    if (groups_.empty() && archive_read_header_position(tar_.get()) == 0) {
      throw InputError(path_.string(), "is not a tar file: " + what, "copy or build it again");
    }
    defects_.push_back(concat(place(), ": ", what, "; the rest of the file is passed over"));
  }

  void take(archive_entry* entry, const std::string& name) {
    const bool image = is_image_file(name);
    if (const char* target = archive_entry_hardlink(entry)) {
      if (image) links_.push_back({add(name), name, target});
    } else if (archive_entry_filetype(entry) == AE_IFLNK) {
      links_left_.push_back({name, "links"});
    } else if (archive_entry_filetype(entry) != AE_IFREG) {
      return;
    } else if (image) {
      take_image(entry, name);
    } else if (is_label(name)) {
      take_label(name);
    } else {
      groups_[add(name)].others.push_back(name);
    }
  }

  /// The group that a member goes into: the key's first, or the n-th when the name occurs for the n-th time.
  size_t add(const std::string& name) {
    std::vector<size_t>& groups = by_key_[std::string(key_of(name))];
    const size_t occurrence = occurrences_[name]++;
    if (occurrence == groups.size()) {
      groups.push_back(groups_.size());
      groups_.emplace_back();
    }
    return groups[occurrence];
  }

  void take_image(archive_entry* entry, const std::string& name) {
    // Where the format's reader stands after the header is where the data begins.
    const auto offset = static_cast<uint64_t>(archive_filter_bytes(tar_.get(), 0));
    const auto length = static_cast<uint64_t>(std::max<int64_t>(archive_entry_size(entry), 0));
    if (archive_entry_sparse_count(entry) > 0) {
      defects_.push_back(concat(place(), ": '", one_line(name), "' is stored as a sparse file"));
    } else if (offset > size_ || length > size_ - offset) {
      defects_.push_back(
          concat(place(), ": '", one_line(name), "' has ", length, " bytes, but the file ends before that"));
    } else {
      groups_[add(name)].images.push_back({name, offset, length, std::nullopt});
    }
  }

  void take_label(const std::string& name) {
    uint8_t bytes[kMaxLabelText];
    const la_ssize_t count = archive_read_data(tar_.get(), bytes, sizeof(bytes));
    const auto text = std::span<const uint8_t>(bytes).first(static_cast<size_t>(std::max<la_ssize_t>(count, 0)));
    std::optional<int64_t> label;
    try {
      label = parse_label(text, concat(place(), ": '", one_line(name), "'"));
    } catch (const InputError&) {  // said below, as of any other label that is no number
    }
    if (!label) defects_.push_back(concat(place(), ": '", one_line(name), "' is no decimal label"));
    groups_[add(name)].labels.push_back({name, label});
  }

  /// A file that was linked twice on the disk is stored once, and once more as a link to that member.
  void resolve_links() {
    if (links_.empty()) return;
    std::unordered_map<std::string, TarSample> images;
    for (const Group& group : groups_) {
      for (const TarSample& image : group.images) images.emplace(image.name, image);
    }
    for (const Link& link : links_) {
      const auto target = images.find(link.target);
      if (target == images.end()) {
        links_left_.push_back({link.name, "links"});
      } else {
        groups_[link.group].images.push_back({link.name, target->second.offset, target->second.length, std::nullopt});
      }
    }
  }

  struct Link {
    size_t group;
    std::string name;
    std::string target;
  };

  const fs::path& path_;
  uint64_t size_;
  std::vector<std::string>& defects_;
  Archive tar_;
  std::vector<Group> groups_;
  std::unordered_map<std::string, std::vector<size_t>> by_key_;
  std::unordered_map<std::string, size_t> occurrences_;
  std::vector<Link> links_;
  std::vector<TarOther> links_left_;
};

}  // namespace

TarIndex index_tar(const fs::path& path, std::vector<std::string>* defects) { return TarIndexer(path, defects).run(); }

}  // namespace assemble
