// SPDX-License-Identifier: Apache-2.0
#include "tf_bundle.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <regex>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/file_kind.h"

namespace assemble {
namespace {

struct TypeInfo {
  TfDataType type;
  const char* name;
  int64_t size;
};

constexpr std::array kTypes{TypeInfo{TfDataType::kFloat, "float32", 4},
                            TypeInfo{TfDataType::kDouble, "float64", 8},
                            TypeInfo{TfDataType::kInt32, "int32", 4},
                            TypeInfo{TfDataType::kUint8, "uint8", 1},
                            TypeInfo{TfDataType::kInt16, "int16", 2},
                            TypeInfo{TfDataType::kInt8, "int8", 1},
                            TypeInfo{TfDataType::kString, "string", 0},
                            TypeInfo{TfDataType::kComplex64, "complex64", 8},
                            TypeInfo{TfDataType::kInt64, "int64", 8},
                            TypeInfo{TfDataType::kBool, "bool", 1},
                            TypeInfo{TfDataType::kQint8, "qint8", 1},
                            TypeInfo{TfDataType::kQuint8, "quint8", 1},
                            TypeInfo{TfDataType::kQint32, "qint32", 4},
                            TypeInfo{TfDataType::kBfloat16, "bfloat16", 2},
                            TypeInfo{TfDataType::kQint16, "qint16", 2},
                            TypeInfo{TfDataType::kQuint16, "quint16", 2},
                            TypeInfo{TfDataType::kUint16, "uint16", 2},
                            TypeInfo{TfDataType::kComplex128, "complex128", 16},
                            TypeInfo{TfDataType::kHalf, "float16", 2},
                            TypeInfo{TfDataType::kUint32, "uint32", 4},
                            TypeInfo{TfDataType::kUint64, "uint64", 8},
                            TypeInfo{TfDataType::kFloat8E5m2, "float8_e5m2", 1},
                            TypeInfo{TfDataType::kFloat8E4m3fn, "float8_e4m3fn", 1},
                            TypeInfo{TfDataType::kInt4, "int4", 1},
                            TypeInfo{TfDataType::kUint4, "uint4", 1}};

const TypeInfo* find_type(TfDataType type) {
  const auto found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeInfo& info) { return info.type == type; });
  return found == kTypes.end() ? nullptr : &*found;
}

/// The prefix that the folder's text file `checkpoint` names; nothing when there is none.
std::optional<fs::path> named_in_state_file(const fs::path& folder) {
  const fs::path state = folder / "checkpoint";
  if (!fs::is_regular_file(state)) return std::nullopt;
  const Bytes bytes = read_file(state, 1 << 20);
  const std::string text(bytes.begin(), bytes.end());
  static const std::regex pattern(R"((?:^|\n)\s*model_checkpoint_path\s*:\s*"([^"\n]*)\")");
  std::smatch match;
  if (!std::regex_search(text, match, pattern)) {
    throw InputError(state.string(), "names no model_checkpoint_path", "give the checkpoint's prefix instead");
  }
  const fs::path named = match[1].str();
  const fs::path prefix = folder / named;  // an absolute path stays
  if (fs::exists(tf_bundle::index_path(prefix))) return prefix;
  // Folders move; the absolute path in them stays behind.
  const fs::path beside = folder / named.filename();
  if (fs::exists(tf_bundle::index_path(beside))) return beside;
  throw InputError(state.string(), concat("names the checkpoint '", named.string(), "', whose .index does not exist"),
                   "give the prefix of a checkpoint that does");
}

/// "model.ckpt-700" → 700; -1 without a number.
int64_t step_of(const std::string& name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string::npos || dash + 1 == name.size() || name.size() - dash > 18) return -1;
  if (name.find_first_not_of("0123456789", dash + 1) != std::string::npos) return -1;
  return std::stoll(name.substr(dash + 1));
}

std::optional<fs::path> largest_step(const fs::path& folder) {
  std::vector<std::pair<int64_t, std::string>> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".index") continue;
    const std::string stem = entry.path().stem().string();
    found.emplace_back(step_of(stem), stem);
  }
  if (found.empty()) return std::nullopt;
  return folder / std::max_element(found.begin(), found.end())->second;
}

/// The prefix without the ending of one of the checkpoint's files.
fs::path without_ending(const fs::path& path) {
  static const std::regex ending(R"(\.(index|data-\d+-of-\d+)$)");
  return std::regex_replace(path.string(), ending, "");
}

}  // namespace

int64_t tf_element_size(TfDataType type) {
  const TypeInfo* info = find_type(type);
  return info == nullptr ? 0 : info->size;
}

std::string tf_data_type_name(TfDataType type) {
  const TypeInfo* info = find_type(type);
  return info == nullptr ? concat("type ", static_cast<int32_t>(type)) : info->name;
}

namespace tf_bundle {

fs::path data_path(const fs::path& prefix, int32_t shard, int32_t count) {
  char ending[48];
  std::snprintf(ending, sizeof(ending), ".data-%05d-of-%05d", shard, count);
  return prefix.string() + ending;
}

fs::path index_path(const fs::path& prefix) { return prefix.string() + ".index"; }

fs::path find_prefix(const fs::path& path) {
  if (fs::is_directory(path)) {
    if (const auto named = named_in_state_file(path)) return *named;
    if (const auto largest = largest_step(path)) return *largest;
    const fs::path saved_model = path / "variables" / "variables";
    if (fs::exists(index_path(saved_model))) return saved_model;
    throw InputError(path.string(), "holds no TensorFlow checkpoint: no file `checkpoint` and no *.index",
                     "weights of PyTorch and safetensors are given as files, not as folders");
  }
  fs::path prefix = without_ending(path);
  if (fs::exists(index_path(prefix))) return prefix;
  if (fs::exists(prefix)) {
    refuse_other_kinds(prefix, FileKind::kTensorFlow, "a TensorFlow checkpoint");
    throw InputError(prefix.string(), "is not a TensorFlow V2 checkpoint: there is no .index beside it",
                     "a V1 checkpoint of one file must first be saved again by TensorFlow");
  }
  std::vector<std::string> names;
  const fs::path folder = prefix.has_parent_path() ? prefix.parent_path() : fs::path(".");
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    if (entry->path().extension() == ".index") names.push_back(entry->path().stem().string());
  }
  const std::string near = nearest(prefix.filename().string(), names);
  throw InputError(index_path(prefix).string(), "does not exist",
                   near.empty() ? "give a checkpoint's prefix or its folder" : concat("did you mean '", near, "'?"));
}

}  // namespace tf_bundle
}  // namespace assemble
