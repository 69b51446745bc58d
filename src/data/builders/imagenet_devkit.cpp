// SPDX-License-Identifier: Apache-2.0
#include "builders/imagenet_devkit.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/data/imagenet_classes.h"
#include "builders/mat_file.h"
#include "builders/raw_files.h"
#include "builders/tar_walk.h"

namespace assemble::raw {
namespace {

constexpr const char* kMeta = "meta.mat";
constexpr const char* kTruth = "ILSVRC2012_validation_ground_truth.txt";
constexpr const char* kHint = "use the devkit of 2012: ILSVRC2012_devkit_t12.tar.gz";
constexpr uint64_t kMaxBytes = uint64_t{1} << 26;

struct Files {
  Bytes meta, truth;
  std::string meta_where, truth_where;
};

Files files_of(const fs::path& path) {
  Files files;
  const auto take = [&](const std::string& name, const std::string& where, const auto& read) {
    if (name == kMeta) files.meta = read(), files.meta_where = where;
    if (name == kTruth) files.truth = read(), files.truth_where = where;
  };
  if (fs::is_directory(path)) {
    for (const char* name : {kMeta, kTruth}) {
      const fs::path file = path / "data" / name;
      if (fs::exists(file)) take(name, file.string(), [&] { return read_file(file, kMaxBytes); });
    }
  } else {
    for (TarWalk tar(path); tar.next();) {
      take(tar.base_name(), tar.where(), [&] { return tar.read(kMaxBytes); });
    }
  }
  if (files.meta_where.empty()) throw InputError(path.string(), concat("holds no data/", kMeta), kHint);
  if (files.truth_where.empty()) throw InputError(path.string(), concat("holds no data/", kTruth), kHint);
  return files;
}

/// Synset of each number, from 1 on. Behind the 1,000 classes stand the synsets above them, which have no images.
std::vector<std::string> synsets_of(const MatVariable& entries, const std::string& where, ImageNetDevkit& devkit) {
  if (!entries.has("ILSVRC2012_ID") || !entries.has("WNID")) {
    throw InputError(where, "holds no ILSVRC2012_ID: it is of another year", kHint);
  }
  const auto classes = static_cast<int64_t>(imagenet_classes().size());
  std::vector<std::string> synsets(imagenet_classes().size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const int64_t id = entries.integer(i, "ILSVRC2012_ID");
    if (id > classes) continue;
    const std::string synset = entries.text(i, "WNID");
    if (id < 1 || !synsets[id - 1].empty() || !imagenet_index(synset)) {
      throw InputError(where,
                       concat("class ", id, " is '", synset, "', expected each of 1…", classes,
                              " once, with one of the 1,000 synsets of 2012"),
                       kHint);
    }
    synsets[id - 1] = synset;
    devkit.words[synset] = entries.text(i, "words");
  }
  if (devkit.words.size() != synsets.size()) {
    throw InputError(where, concat("names ", devkit.words.size(), " of the 1,000 classes"), kHint);
  }
  return synsets;
}

}  // namespace

ImageNetDevkit read_imagenet_devkit(const fs::path& path) {
  const Files files = files_of(path);
  ImageNetDevkit devkit;
  devkit.where = files.truth_where;
  const MatFile meta(files.meta, files.meta_where);
  const std::vector<std::string> synsets = synsets_of(meta.read("synsets"), files.meta_where, devkit);
  for (const TextLine& text : lines_of(decode_text(files.truth, files.truth_where))) {
    const Line line{text.text, concat(files.truth_where, " line ", text.number)};
    devkit.validation.push_back(synsets[line.integer(line.text, 1, static_cast<int64_t>(synsets.size())) - 1]);
  }
  return devkit;
}

}  // namespace assemble::raw
