// SPDX-License-Identifier: Apache-2.0
#include "tar_index.h"

#include <archive.h>
#include <archive_entry.h>

#include <charconv>
#include <memory>

#include "assemble/core/error.h"
#include "assemble/data/image_folder.h"

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
std::string key_of(const std::string& name) {
  const size_t slash = name.rfind('/');
  return name.substr(0, name.find('.', slash == std::string::npos ? 0 : slash + 1));
}

std::optional<int64_t> parse_label(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  int64_t label = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), label);
  if (code != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return label;
}

class TarIndexer {
 public:
  TarIndexer(const fs::path& path, std::vector<std::string>* defects)
      : path_(path), size_(fs::file_size(path)), defects_(*defects), tar_(open_tar(path)) {}

  std::vector<TarSample> run() {
    archive_entry* entry = nullptr;
    for (;;) {
      const int status = archive_read_next_header(tar_.get(), &entry);
      if (status == ARCHIVE_EOF) break;
      if (status == ARCHIVE_FATAL || status == ARCHIVE_RETRY) {
        report_damage();
        break;
      }
      if (archive_entry_filetype(entry) == AE_IFREG && archive_entry_pathname(entry) != nullptr) take(entry);
    }
    finish_sample();
    return std::move(samples_);
  }

 private:
  std::string place() const { return concat(path_.string(), " at offset ", archive_read_header_position(tar_.get())); }

  void report_damage() {
    const std::string what = archive_error_string(tar_.get()) == nullptr ? "damaged" : archive_error_string(tar_.get());
    if (samples_.empty() && !has_image_ && archive_read_header_position(tar_.get()) == 0) {
      throw InputError(path_.string(), "is not a tar file: " + what, "copy or build it again");
    }
    defects_.push_back(concat(place(), ": ", what, "; the rest of the file is passed over"));
  }

  void take(archive_entry* entry) {
    const std::string name = archive_entry_pathname(entry);
    if (key_of(name) != key_) {
      finish_sample();
      key_ = key_of(name);
    }
    const auto length = static_cast<uint64_t>(std::max<int64_t>(archive_entry_size(entry), 0));
    if (is_image_file(name)) {
      // Where the format's reader stands after the header is where the data begins.
      const auto offset = static_cast<uint64_t>(archive_filter_bytes(tar_.get(), 0));
      if (offset > size_ || length > size_ - offset) {
        defects_.push_back(concat(place(), ": '", name, "' has ", length, " bytes, but the file ends before that"));
        return;
      }
      current_.name = name;
      current_.offset = offset;
      current_.length = length;
      has_image_ = true;
    } else if (name.ends_with(".cls")) {
      take_label(name);
    }
  }

  void take_label(const std::string& name) {
    char text[kMaxLabelText];
    const la_ssize_t count = archive_read_data(tar_.get(), text, sizeof(text));
    current_.cls = count < 0 ? std::nullopt : parse_label({text, static_cast<size_t>(count)});
    if (!current_.cls) defects_.push_back(concat(place(), ": '", name, "' is no decimal label"));
    has_label_ = true;
  }

  void finish_sample() {
    if (has_image_ && (current_.cls || !has_label_)) {
      samples_.push_back(current_);
    } else if (has_label_ && !has_image_) {
      defects_.push_back(concat(path_.string(), ": '", key_, "' has a label but no image"));
    }
    current_ = {};
    has_image_ = has_label_ = false;
  }

  const fs::path& path_;
  uint64_t size_;
  std::vector<std::string>& defects_;
  Archive tar_;
  std::vector<TarSample> samples_;
  std::string key_;
  TarSample current_;
  bool has_image_ = false;
  bool has_label_ = false;
};

}  // namespace

std::vector<TarSample> index_tar(const fs::path& path, std::vector<std::string>* defects) {
  return TarIndexer(path, defects).run();
}

}  // namespace assemble
