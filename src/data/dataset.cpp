// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/dataset.h"

#include "assemble/core/error.h"
#include "assemble/data/image_folder.h"
#include "assemble/data/shards.h"
#include "assemble/data/tfrecord_dataset.h"
#include "assemble/image/decode.h"
#include "folders.h"

namespace assemble {
namespace {

constexpr const char* kLayouts =
    "expected train/CLASS/IMAGE and validation/CLASS/IMAGE (or val, test), or TFRecords train-00000-of-0000N, "
    "validation-00000-of-0000N and classes.txt";

bool is_folder(const fs::path& path) {
  std::error_code code;
  return fs::is_directory(path, code);
}

std::unique_ptr<Dataset> open_records(const fs::path& directory, Split split, ClassRule rule) {
  const std::string wanted = split_name(split);
  std::vector<fs::path> shards = find_shards(directory, wanted);
  if (shards.empty()) throw InputError(directory.string(), "holds no " + wanted + " TFRecords", kLayouts);
  const fs::path names = directory / "classes.txt";
  const bool unnamed = rule == ClassRule::kAny && !fs::exists(names);
  return std::make_unique<TfRecordDataset>(std::move(shards),
                                           unnamed ? std::vector<std::string>{} : read_class_names(names), rule);
}

bool holds_records(const fs::path& directory) {
  return !find_shards(directory, "train").empty() || !find_shards(directory, "validation").empty();
}

std::unique_ptr<Dataset> open_validation_folder(const fs::path& directory, ClassRule rule) {
  const fs::path train = directory / "train";
  const bool known = is_folder(train) && rule == ClassRule::kOfTraining;
  const std::vector<std::string> class_names = known ? folder_names(train) : std::vector<std::string>{};
  for (const char* name : {"validation", "val", "test"}) {
    if (is_folder(directory / name)) return std::make_unique<ImageFolder>(directory / name, class_names);
  }
  if (is_folder(train)) throw InputError(directory.string(), "holds no validation split", kLayouts);
  return std::make_unique<ImageFolder>(directory);
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

const char* split_name(Split split) { return split == Split::kTrain ? "train" : "validation"; }

std::unique_ptr<Dataset> open_dataset(const fs::path& directory, Split split, ClassRule rule) {
  if (folder_names(directory).empty() && fs::is_empty(directory)) {
    throw InputError(directory.string(), "is an empty folder", kLayouts);
  }
  if (holds_records(directory)) return open_records(directory, split, rule);
  if (split == Split::kValidation) return open_validation_folder(directory, rule);
  if (!is_folder(directory / "train")) throw InputError(directory.string(), "holds no training split", kLayouts);
  return std::make_unique<ImageFolder>(directory / "train");
}

std::unique_ptr<Dataset> open_unlabelled(const fs::path& path) {
  if (!is_folder(path) || !holds_records(path)) return std::make_unique<UnlabelledImages>(path);
  const Split split = find_shards(path, "validation").empty() ? Split::kTrain : Split::kValidation;
  return open_records(path, split, ClassRule::kAny);
}

}  // namespace assemble
