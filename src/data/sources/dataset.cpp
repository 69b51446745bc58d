// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/dataset.h"

#include <algorithm>
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/manifest.h"
#include "assemble/data/shards.h"
#include "assemble/data/tar_dataset.h"
#include "assemble/data/tfrecord_dataset.h"
#include "assemble/data/zip_dataset.h"
#include "assemble/image/decode.h"
#include "sources/labelled_files.h"
#include "sources/listing.h"
#include "sources/record_classes.h"
#include "sources/splits.h"

namespace assemble {
namespace {

constexpr const char* kLayouts =
    "expected train/CLASS/IMAGE and validation/CLASS/IMAGE (or val, valid, test), or TFRecords train-00000-of-0000N, "
    "validation-00000-of-0000N, or tar files with train and val in their names, or a zip file, or a .csv, .json or "
    ".jsonl file that names images and their classes";

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

std::vector<std::string> names_beside(const fs::path& directory) {
  const bool named = fs::exists(directory / Manifest::kFile) || fs::exists(directory / "classes.txt");
  return named ? class_names_of(directory) : std::vector<std::string>{};
}

/// Files of a folder that make up data sets, by the part of their names that says the split; an empty one for the rest.
struct SplitFiles {
  std::map<std::string, std::vector<fs::path>> files;
  std::vector<NamedSplit> splits;

  void add(const fs::path& file, const std::string& name) {
    const auto split = split_in_file_name(name);
    std::vector<fs::path>& same = files[split ? split->name : ""];
    if (split && same.empty()) splits.push_back(*split);
    same.push_back(file);
  }
  /// Files that name no split are an archive only where nothing else is.
  bool are_data(bool alone) const { return !splits.empty() || (alone && !files.empty()); }
};

std::vector<NamedSplit> record_splits(const fs::path& directory) {
  std::vector<NamedSplit> splits;
  for (const std::string& set : record_sets(directory)) {
    if (const auto split = split_in_file_name(set)) splits.push_back({set, split->split});
  }
  return splits;
}

/// Of a zero-shot set those of the training split.
void keep_training_classes(const fs::path& directory, std::vector<std::string>& names) {
  const std::optional<Manifest> manifest = read_manifest(directory);
  if (!manifest || manifest->training_classes == 0) return;
  names.resize(std::min(names.size(), static_cast<size_t>(manifest->training_classes)));
}

/// The files of one split's pattern.
/// @throws InputError for a file that the other split's pattern takes too
std::vector<fs::path> match_apart(const fs::path& directory, const std::string& pattern, const std::string& other,
                                  bool allow_missing) {
  std::vector<fs::path> shards = match_shards(directory, pattern, allow_missing);
  for (const fs::path& shard : shards) {
    if (other.empty() || !is_shard_of(other, shard.filename().string())) continue;
    throw InputError(shard.string(), "is taken by both `train_files` and `validation_files`",
                     "an image would be trained on and measured: use patterns that do not overlap");
  }
  return shards;
}

/// The files of a split; empty when there are none. Patterns say nothing of test images.
std::vector<fs::path> find_records(const fs::path& directory, const std::optional<Split>& split,
                                   const RecordFiles& files) {
  const bool missing = files.allow_missing_shards;
  if (split != Split::kTest && (!files.train_files.empty() || !files.validation_files.empty())) {
    const std::string& validation = files.validation_files;
    const bool trains = split ? *split == Split::kTrain : validation.empty();
    const std::string& pattern = trains ? files.train_files : validation;
    const std::string& other = trains ? validation : files.train_files;
    if (!pattern.empty()) return match_apart(directory, pattern, other, missing);
  }
  const auto set = choose_any(split, record_splits(directory), directory.string());
  return set ? find_shards(directory, *set, missing) : std::vector<fs::path>{};
}

/// Names as the files beside the records say, else as the records themselves do; of training, where it is there.
std::vector<std::string> names_of_records(const fs::path& directory, const std::vector<fs::path>& shards,
                                          const std::optional<Split>& split, ClassRule rule, const RecordFiles& files) {
  if (rule == ClassRule::kNumbered) return {};
  std::vector<std::string> names = names_beside(directory);
  if (!names.empty() || rule == ClassRule::kAny) return names;
  const bool of_training = split && *split != Split::kTrain;
  const std::vector<fs::path> train = of_training ? find_records(directory, Split::kTrain, files) : shards;
  return record_classes(train.empty() ? shards : train);
}

std::unique_ptr<Dataset> open_records(const fs::path& directory, const std::optional<Split>& split, ClassRule rule,
                                      const RecordFiles& files) {
  std::vector<fs::path> shards = find_records(directory, split, files);
  if (shards.empty()) {
    throw NoSuchSplit(directory.string(), concat("holds no ", split_name(split.value_or(Split::kTrain)), " TFRecords"),
                      kLayouts);
  }
  std::vector<std::string> names = names_of_records(directory, shards, split, rule, files);
  if (split == Split::kTrain) keep_training_classes(directory, names);
  return std::make_unique<TfRecordDataset>(std::move(shards), std::move(names),
                                           rule == ClassRule::kOwn ? ClassRule::kOfTraining : rule);
}

bool is_tar(const fs::path& file) {
  const std::string name = to_lower(file.filename().string());
  return name.ends_with(".tar") || name.ends_with(".tar.gz") || name.ends_with(".tgz");
}

/// Tar files in byte order.
SplitFiles find_tars(const fs::path& directory) {
  std::vector<fs::path> all;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    if (is_tar(entry.path()) && !is_debris(entry.path().filename().string())) all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  SplitFiles tars;
  for (const fs::path& file : all) tars.add(file, file.filename().string());
  return tars;
}

std::unique_ptr<Dataset> open_tars(const fs::path& directory, SplitFiles tars, const std::optional<Split>& split,
                                   ClassRule rule) {
  std::vector<std::string> names = names_beside(directory);
  std::vector<fs::path>& unnamed = tars.files[""];
  if (tars.splits.empty()) {
    return std::make_unique<TarDataset>(std::move(unnamed), std::move(names), ArchivePart{split, rule, false});
  }
  if (!unnamed.empty()) {
    log_warning(concat(directory.string(), ": '", unnamed.front().filename().string(), "'",
                       unnamed.size() == 1 ? "" : concat(" and ", unnamed.size() - 1, " more"),
                       ": no split is told by the name; passed over"));
  }
  const auto chosen = choose_any(split, tars.splits, directory.string());
  if (!chosen) {
    throw NoSuchSplit(directory.string(), concat("holds no ", split_name(split.value_or(Split::kTrain)), " tar files"),
                      "expected 'train' or 'val' in their names");
  }
  if (names.empty() && has_training_classes(split, rule)) {
    const auto train = choose_split(Split::kTrain, tars.splits, directory.string());
    if (train) names = TarDataset(tars.files[*train], {}, {Split::kTrain, rule, true}).class_names();
  }
  return std::make_unique<TarDataset>(std::move(tars.files[*chosen]), std::move(names), ArchivePart{split, rule, true});
}

/// What the first bytes say a file is.
enum class Archive { kZip, kTar, kNone };

Archive archive_type(const fs::path& path) {
  constexpr size_t kMagic = 257;  // of tar files
  const RandomAccessFile file(path);
  Bytes start(std::min<uint64_t>(file.size(), kMagic + 5));
  file.read(0, start);
  const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return Archive::kZip;
  if (text.ends_with("ustar") || text.starts_with("\x1F\x8B") || is_tar(path)) return Archive::kTar;
  const std::pair<std::string_view, const char*> others[] = {{"\xFD"
                                                              "7zXZ",
                                                              "xz -d"},
                                                             {"BZh", "bunzip2"},
                                                             {"\x28\xB5\x2F\xFD", "zstd -d"},
                                                             {"7z\xBC\xAF", "7z x"},
                                                             {"Rar!", "unrar x"}};
  for (const auto& [magic, command] : others) {
    if (!text.starts_with(magic)) continue;
    throw InputError(path.string(), "is compressed in a way that cannot be read",
                     concat("unpack it first: ", command, "; zip, tar and tar.gz files are read as they are"));
  }
  return to_lower(path.extension().string()) == ".zip" ? Archive::kZip : Archive::kNone;
}

std::unique_ptr<Dataset> open_archive(const fs::path& file, Archive type, const std::optional<Split>& split,
                                      ClassRule rule) {
  const auto named = split_in_file_name(file.filename().string());
  const SplitName other = split == Split::kTest ? SplitName::kTest : SplitName::kTrain;
  const bool is_named = named && split && (named->split == other) == (split != Split::kValidation);
  const ArchivePart part{split, rule, is_named};
  std::unique_ptr<Dataset> dataset;
  if (type == Archive::kTar) {
    dataset = std::make_unique<TarDataset>(std::vector{file}, names_beside(file.parent_path()), part);
  } else {
    dataset = std::make_unique<ZipDataset>(file, part);
  }
  if (named && split && !part.named && dataset->part().empty()) {
    throw NoSuchSplit(file.string(), concat("is of another split than ", split_name(*split), " by its name"),
                      "give the folder that holds the files of both splits");
  }
  return dataset;
}

bool holds_records(const fs::path& directory, const RecordFiles& files) {
  return !files.train_files.empty() || !files.validation_files.empty() || !record_splits(directory).empty();
}

/// The folder around the splits' folders, and those.
SplitFolders find_folders(const fs::path& directory) {
  const auto look = [&](const std::vector<std::string>& path) {
    fs::path folder = directory;
    for (const std::string& part : path) folder /= part;
    return Level{folder_names(folder), holds_images(folder)};
  };
  return find_splits(look, /*labelled=*/false, directory.string());
}

/// Validation that is the training folder by another name measures nothing.
void warn_of_same_folder(const fs::path& train, const fs::path& validation) {
  std::error_code code;
  if (!fs::equivalent(train, validation, code)) return;
  log_warning(concat(validation.string(), ": is the training folder itself: validation sees the images trained on"));
}

void say_taken(const fs::path& directory, const char* taken, const char* left) {
  log_warning(concat(directory.string(), ": holds ", taken, " and ", left, ": the ", taken, " are taken"));
}

std::unique_ptr<Dataset> open_folders(const fs::path& directory, const SplitFolders& folders, Split split,
                                      ClassRule rule) {
  fs::path base = directory;
  for (const std::string& part : folders.base) base /= part;
  const auto train = choose_split(Split::kTrain, folders.splits, base.string());
  const bool may_be_empty = rule == ClassRule::kOwn;
  if (split == Split::kTrain) {
    if (!train) throw NoSuchSplit(directory.string(), "holds no training split", kLayouts);
    return std::make_unique<ImageFolder>(base / *train, std::vector<std::string>{}, may_be_empty);
  }
  if (folders.splits.empty() && split == Split::kValidation) {
    return std::make_unique<ImageFolder>(directory, std::vector<std::string>{}, may_be_empty);
  }
  const auto chosen = choose_split(split, folders.splits, base.string());
  if (!chosen) throw NoSuchSplit(directory.string(), concat("holds no ", split_name(split), " split"), kLayouts);
  if (train) warn_of_same_folder(base / *train, base / *chosen);
  const bool known = train && has_training_classes(split, rule);
  return std::make_unique<ImageFolder>(
      base / *chosen, known ? class_names_in(base / *train) : std::vector<std::string>{}, may_be_empty);
}

}  // namespace

Example make_example(const Sample& sample, const std::string& class_name) {
  using Texts = std::vector<std::string>;
  using Integers = std::vector<int64_t>;
  const ImageSize size = read_image_size(sample.encoded, sample.name);
  return {{"image/encoded", Texts{std::string(sample.encoded.begin(), sample.encoded.end())}},
          {"image/filename", Texts{fs::path(sample.name).filename().string()}},
          {"image/format", Texts{format_name(detect_format(sample.encoded))}},
          {"image/height", Integers{size.height}},
          {"image/width", Integers{size.width}},
          {"image/class/label", Integers{sample.label}},
          {"image/class/text", Texts{class_name}}};
}

Example Dataset::example(int64_t index) const {
  const Sample sample = read(index);
  const bool named = sample.label >= 0 && sample.label < classes();
  return make_example(sample, named ? class_names()[static_cast<size_t>(sample.label)] : "");
}

DatasetRange::DatasetRange(const Dataset& whole, int64_t begin, int64_t end) : whole_(whole), begin_(begin), end_(end) {
  if (begin < 0 || begin > end || end > whole.size()) {
    throw UsageError("data set range", concat(begin, "…", end, " of ", whole.size(), " samples"));
  }
}

EvenlySpread::EvenlySpread(const Dataset& whole, int64_t count) : whole_(whole), count_(count) {
  if (count < 1 || count > whole.size()) {
    throw UsageError("data set sample", concat(count, " of ", whole.size(), " samples"));
  }
}

const char* split_name(Split split) { return split == Split::kTest ? "test" : kSplits.name(split); }

std::unique_ptr<Dataset> open_dataset(const fs::path& directory, Split split, ClassRule rule,
                                      const RecordFiles& files) {
  if (!files.split_file.empty()) return open_label_file(files.split_file, images_root(directory), split, rule);
  std::error_code code;
  const bool is_file = fs::is_regular_file(directory, code);
  if (is_file && is_label_file(directory)) return open_label_file(directory, images_root(directory), split, rule);
  if (rule == ClassRule::kSeveral) rule = ClassRule::kOfTraining;  // others have one label an image
  if (is_file) {
    const Archive type = archive_type(directory);
    if (type == Archive::kNone) throw InputError(directory.string(), "is no data set", kLayouts);
    return open_archive(directory, type, split, rule);
  }
  if (folder_names(directory).empty() && fs::is_empty(directory)) {
    throw InputError(directory.string(), "is an empty folder", kLayouts);
  }
  const std::vector<std::string> below = folder_names(directory);
  const SplitFolders folders = find_folders(directory);
  if (holds_records(directory, files)) {
    if (!folders.splits.empty() && !record_splits(directory).empty()) {
      say_taken(directory, "TFRecords", "folders of splits");
    }
    return open_records(directory, split, rule, files);
  }
  SplitFiles tars = find_tars(directory);
  if (!tars.are_data(/*alone=*/below.empty())) return open_folders(directory, folders, split, rule);
  if (folders.splits.empty()) return open_tars(directory, std::move(tars), split, rule);
  say_taken(directory, "folders of splits", "tar files");
  return open_folders(directory, folders, split, rule);
}

std::unique_ptr<Dataset> open_unlabelled(const fs::path& path, const RecordFiles& files) {
  if (!files.split_file.empty())
    return open_label_file(files.split_file, images_root(path), std::nullopt, ClassRule::kAny);
  if (!is_folder(path)) {
    if (is_label_file(path)) return open_label_file(path, images_root(path), std::nullopt, ClassRule::kAny);
    const Archive type = fs::exists(path) ? archive_type(path) : Archive::kNone;
    if (type != Archive::kNone) return open_archive(path, type, std::nullopt, ClassRule::kAny);
    return std::make_unique<UnlabelledImages>(path);
  }
  if (holds_records(path, files)) return open_records(path, std::nullopt, ClassRule::kAny, files);
  SplitFiles tars = find_tars(path);
  const bool alone = folder_names(path).empty() && !holds_images(path);
  if (!tars.are_data(alone)) return std::make_unique<UnlabelledImages>(path);
  return open_tars(path, std::move(tars), std::nullopt, ClassRule::kAny);
}

}  // namespace assemble
