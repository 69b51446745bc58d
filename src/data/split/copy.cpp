// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "assemble/core/encoding.h"
#include "assemble/core/error.h"
#include "assemble/data/split.h"
#include "derived/copied_files.h"
#include "sources/listing.h"

namespace assemble {
namespace {

/// A class folder's own name stays as it is: its bytes need not be those of the class.
fs::path path_in_split(const LabelRow& row) {
  const fs::path path(row.path);
  const bool in_its_folder = path.has_parent_path() && name_text(path.begin()->string()) == row.label;
  if (in_its_folder) return path;
  const fs::path folder(row.label);
  if (row.label == "." || row.label == ".." || folder.filename() != folder || is_debris(row.label)) {
    throw InputError(one_line(row.path), concat("no folder can be named after its class '", row.label, "'"),
                     "write a list instead, or rename the class");
  }
  return folder / path;
}

}  // namespace

CopiedFiles copy_split(const fs::path& data, const SplitPlan& plan, const fs::path& output, CopyMethod method) {
  const fs::path root = images_root(data);
  if (plan.several) {
    throw UsageError(one_line(data.string()), "has images with several classes, which no folder a class can hold",
                     "write a list instead");
  }
  check_apart(output, root);
  std::vector<FileToCopy> files;
  files.reserve(plan.rows.size());
  for (const LabelRow& row : plan.rows) {
    files.push_back({root / row.path, (fs::path(split_name(*row.split)) / path_in_split(row)).string()});
  }
  const std::string name = one_line(data.string());
  return copy_files("splitting " + name, files, output,
                    {.record = "split.json",
                     .what = "the record of a split",
                     .made_with = "is a split with",
                     .other_hint = "write into another folder",
                     .damaged_hint = "write into another folder, or remove this one"},
                    {{"data", name}, {"method", kCopyMethods.name(method)}}, method);
}

}  // namespace assemble
