// SPDX-License-Identifier: Apache-2.0
#include "derived/sequence_files.h"

#include <algorithm>
#include <charconv>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/image_folder.h"
#include "assemble/image/decode.h"
#include "assemble/image/perturbations.h"
#include "assemble/image/video.h"
#include "sources/listing.h"
#include "sources/natural_order.h"

namespace assemble {
namespace {

/// Deep enough for any set; links may lead back to a folder around them.
constexpr int kDeepest = 16;

bool is_video(const fs::path& file) { return to_lower(file.extension().string()) == ".mp4"; }

/// Files of the folder itself for which `wanted` is true, debris passed over.
template <typename Wanted>
std::vector<fs::path> files_in(const fs::path& folder, Wanted&& wanted) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const fs::path& path = entry->path();
    if (is_debris(path.filename().native()) || !wanted(path) || entry->is_directory()) continue;
    files.push_back(path);
  }
  if (failed) throw InputError(folder.string(), "cannot be listed: " + failed.message(), "check its permissions");
  return files;
}

void collect(const fs::path& folder, int depth, std::vector<FoundSequence>& found, size_t most) {
  for (fs::path& video : files_in(folder, is_video)) found.push_back({std::move(video), depth});
  if (!frame_files(folder).empty()) found.push_back({folder, depth});
  if (depth == kDeepest) return;
  for (const std::string& name : folder_names(folder)) {
    if (found.size() >= most) return;
    collect(folder / name, depth + 1, found, most);
  }
}

/// As the data set orders NAME.png: a folder's name goes as if its extension followed.
std::string order_key(const fs::path& sequence) {
  return is_video(sequence) ? sequence.native() : sequence.native() + ".";
}

/// The last number in a file's name, and what stands around it.
struct Numbered {
  std::string around;
  uint64_t number = 0;
};

std::optional<Numbered> numbered(const fs::path& file) {
  constexpr const char* kDigits = "0123456789";
  const std::string stem = file.stem().string();
  const size_t last = stem.find_last_of(kDigits);
  if (last == std::string::npos) return std::nullopt;
  const size_t before = stem.find_last_not_of(kDigits, last), first = before == std::string::npos ? 0 : before + 1;
  Numbered result{stem.substr(0, first) + "#" + stem.substr(last + 1), 0};
  const auto [end, error] = std::from_chars(stem.data() + first, stem.data() + last + 1, result.number);
  return error == std::errc() ? std::optional(result) : std::nullopt;
}

/// What is wrong with the numbers of ordered frames: one is there twice, or steps differ. Empty for nothing, and for
/// names that are not numbered alike.
std::string numbering_defect(const std::vector<fs::path>& files) {
  std::vector<Numbered> frames;
  for (const fs::path& file : files) {
    const auto frame = numbered(file);
    if (!frame || (!frames.empty() && frame->around != frames.front().around)) return "";
    frames.push_back(*frame);
  }
  const auto named = [&](size_t i) { return files[i].filename().string(); };
  uint64_t step = UINT64_MAX;
  for (size_t i = 1; i < frames.size(); ++i) {
    if (frames[i].number == frames[i - 1].number)
      return concat(named(i - 1), " and ", named(i), " have the same number");
    step = std::min(step, frames[i].number - frames[i - 1].number);
  }
  for (size_t i = 1; i < frames.size(); ++i) {
    if (frames[i].number - frames[i - 1].number > step)
      return concat("nothing between ", named(i - 1), " and ", named(i));
  }
  return "";
}

std::vector<Image> read_frames(const fs::path& folder, size_t expected, const std::string& kind) {
  const std::vector<fs::path> files = frame_files(folder);
  const std::string defect = numbering_defect(files);
  if (files.size() == expected && !defect.empty()) throw InputError(folder.string(), defect, "make it again");
  if (files.size() != expected) {
    throw InputError(
        folder.string(),
        concat("has ", files.size(), " frames, expected ", expected, " of ", kind, defect.empty() ? "" : ": " + defect),
        "make it again");
  }
  std::vector<Image> frames;
  for (const fs::path& file : files) frames.push_back(decode_image(read_file(file), file.string()));
  return frames;
}

}  // namespace

std::vector<fs::path> frame_files(const fs::path& folder) {
  std::vector<fs::path> files = files_in(folder, is_image_file);
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.filename().native(), b.filename().native());
  });
  return files;
}

std::vector<fs::path> find_sequences(const fs::path& folder) {
  std::vector<FoundSequence> found;
  collect(folder, 0, found, SIZE_MAX);
  // Classes first, whose folders go by their own names.
  const auto key = [&](const fs::path& path) {
    const fs::path below = path.lexically_relative(folder);
    return std::pair(below.has_parent_path() ? below.begin()->native() : "", order_key(path));
  };
  std::vector<std::pair<std::pair<std::string, std::string>, fs::path>> ordered;
  for (FoundSequence& sequence : found) ordered.emplace_back(key(sequence.path), std::move(sequence.path));
  std::sort(ordered.begin(), ordered.end());
  std::vector<fs::path> paths;
  for (auto& [ignored, path] : ordered) paths.push_back(std::move(path));
  return paths;
}

std::optional<FoundSequence> first_sequence(const fs::path& folder) {
  std::vector<FoundSequence> found;
  collect(folder, 0, found, 1);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

std::vector<Image> read_sequence(const fs::path& path, const std::string& kind) {
  const auto expected = static_cast<size_t>(perturbation_frames(kind));
  std::vector<Image> frames = fs::is_directory(path) ? read_frames(path, expected, kind) : read_video(path);
  if (frames.size() != expected) {
    throw InputError(path.string(), concat("has ", frames.size(), " frames, expected ", expected, " of ", kind),
                     "make it again");
  }
  for (const Image& frame : frames) {
    if (frame.width == frame.height && frame.width == frames.front().width) continue;
    throw InputError(path.string(), concat("frames of ", frame.width, "×", frame.height, " and ", frames.front().width,
                                           "×", frames.front().height, " pixels, expected squares of one size"));
  }
  return frames;
}

}  // namespace assemble
