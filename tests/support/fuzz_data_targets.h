// SPDX-License-Identifier: Apache-2.0
// As fuzz_targets.h, for what data sets are made of.
#pragma once

#include <optional>
#include <set>

#include "../../src/data/builders/box_xml.h"
#include "../../src/data/builders/mat_file.h"
#include "../../src/data/sources/labelled_files.h"
#include "../../src/data/sources/listing.h"
#include "../../src/data/sources/splits.h"
#include "../../src/data/sources/tar_index.h"
#include "assemble/core/encoding.h"
#include "assemble/core/text_file.h"
#include "assemble/data/shards.h"
#include "assemble/data/tar_dataset.h"
#include "assemble/data/zip_dataset.h"
#include "fuzz_targets.h"

namespace assemble::fuzz {

inline const std::optional<Split> kAnyPart[] = {Split::kTrain, Split::kValidation, std::nullopt};

inline void read_all(const Dataset& dataset, bool any_label) {
  for (int64_t i = 0; i < std::min<int64_t>(dataset.size(), 100); ++i) {
    try {
      const Sample sample = dataset.read(i);
      require(any_label || (sample.label >= 0 && sample.label < dataset.classes()));
    } catch (const InputError&) {
    }
  }
}

/// Indexes hold what lies in the file, and data sets of any part read it.
inline void check_tar_index(std::span<const uint8_t> bytes) {
  const MemoryFile file(bytes);
  try {
    std::vector<std::string> defects;
    for (const TarSample& sample : index_tar(file.path(), &defects).samples) {
      require(sample.offset <= bytes.size() && sample.length <= bytes.size() - sample.offset);
      require(!sample.name.empty() && !holds_debris(sample.name));
    }
  } catch (const InputError&) {
  }
  for (const std::optional<Split>& split : kAnyPart) {
    try {
      read_all(TarDataset({file.path()}, {}, {split, ClassRule::kOfTraining, false}), !split);
    } catch (const InputError&) {
    }
  }
}

inline void check_zip_index(std::span<const uint8_t> bytes) {
  const MemoryFile file(bytes);
  for (const std::optional<Split>& split : kAnyPart) {
    try {
      read_all(ZipDataset(file.path(), {split, ClassRule::kOfTraining, false}), !split);
    } catch (const InputError&) {
    }
  }
}

/// Text is UTF-8, lines hold no line ends, and names of classes are those of the file.
inline void check_text_lists(std::span<const uint8_t> bytes) {
  const MemoryFile file(bytes);
  try {
    const std::string text = decode_text(bytes, "input");
    require(is_utf8(text));
    for (const TextLine& line : lines_of(text)) {
      require(line.text.find_first_of("\r\n") == std::string::npos);
      require(!csv_cells(line.text).empty());
      require(is_utf8(name_text(line.text)) && is_utf8(one_line(line.text)));
      split_in_file_name(line.text);
      is_debris(line.text);
    }
    const std::vector<std::string> names = read_class_names(file.path());
    require(!names.empty() && std::set<std::string>(names.begin(), names.end()).size() == names.size());
  } catch (const InputError&) {
  }
  for (const LabelForm form : {LabelForm::kCsv, LabelForm::kJson, LabelForm::kJsonLines}) {
    try {
      std::set<std::string> paths;
      for (const LabelRow& row : parse_labels(decode_text(bytes, "input"), form, /*labels=*/true, "input").rows) {
        const fs::path path(row.path);
        require(!row.label.empty() && !path.empty() && path.is_relative() && paths.insert(row.path).second);
        for (const fs::path& part : path) require(part != "..");
      }
    } catch (const InputError&) {
    }
  }
  const std::string_view raw(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  require(is_utf8(to_utf8(raw)) && (!is_utf8(raw) || to_utf8(raw) == raw));
  const std::string name = name_text(raw);
  require(name_text(name) == name);
}

inline void check_box_xml(std::span<const uint8_t> bytes) {
  try {
    for (const BoundingBox& box : raw::parse_boxes(bytes, "input")) {
      require(box.ymin >= 0 && box.ymin < box.ymax && box.ymax <= 1);
      require(box.xmin >= 0 && box.xmin < box.xmax && box.xmax <= 1);
    }
  } catch (const InputError&) {
  }
}

inline void check_mat(std::span<const uint8_t> bytes) {
  const MemoryFile memory(bytes);
  const auto attempt = [](const auto& call) {
    try {
      call();
    } catch (const InputError&) {
    }
  };
  attempt([&] {
    const raw::MatFile file(memory.path());
    attempt([&] { file.read("labels").numbers(); });
    attempt([&] { file.read("class_names").cell_text(0); });
    attempt([&] {
      const raw::MatVariable annotations = file.read("annotations");
      for (size_t i = 0; i < std::min<size_t>(annotations.size(), 10); ++i) {
        attempt([&] { annotations.integer(i, "class"); });
        attempt([&] { annotations.text(i, "fname"); });
      }
    });
  });
}

}  // namespace assemble::fuzz
