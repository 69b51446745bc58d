// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/file_kind.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

using namespace std::string_view_literals;

constexpr size_t kHead = 512;
constexpr const char* kConvert = "import it with `assemble convert`";
constexpr const char* kUnpack = "unpack it first";
constexpr const char* kNoWeights = "give the file of weights itself";
constexpr const char* kReadable = "TensorFlow checkpoints, PyTorch files and safetensors files can be imported";

/// Bytes at an offset that only one format has.
struct Signature {
  std::string_view bytes;
  size_t offset;
  const char* what;
  const char* hint;
};

constexpr std::array kSignatures{
    Signature{"\x89HDF\r\n\x1a\n"sv, 0, "an HDF5 file, such as Keras and MATLAB write", kReadable},
    Signature{"\x93NUMPY"sv, 0, "a NumPy array (.npy)", kNoWeights},
    Signature{"TFL3"sv, 4, "a TensorFlow Lite model", kReadable},
    Signature{"GGUF"sv, 0, "a GGUF file", kReadable},
    Signature{"\x1f\x8b"sv, 0, "a gzip archive", kUnpack},
    Signature{"\xfd"
              "7zXZ\0"sv,
              0, "an xz archive", kUnpack},
    Signature{"BZh"sv, 0, "a bzip2 archive", kUnpack},
    Signature{"\x28\xb5\x2f\xfd"sv, 0, "a Zstandard archive", kUnpack},
    Signature{"7z\xbc\xaf\x27\x1c"sv, 0, "a 7z archive", kUnpack},
    Signature{"Rar!\x1a\x07"sv, 0, "a RAR archive", kUnpack},
    Signature{"\xff\xd8\xff"sv, 0, "a JPEG image", kNoWeights},
    Signature{"\x89PNG\r\n\x1a\n"sv, 0, "a PNG image", kNoWeights},
    Signature{"GIF8"sv, 0, "a GIF image", kNoWeights},
    Signature{"WEBP"sv, 8, "a WebP image", kNoWeights},
    Signature{"%PDF"sv, 0, "a PDF file", kNoWeights},
    Signature{"\x7f"
              "ELF"sv,
              0, "a compiled program or library", kNoWeights},
};

/// The beginnings of texts, in lower case.
constexpr std::array kTexts{
    Signature{"version https://git-lfs.github.com"sv, 0, "a Git LFS pointer, not the file it stands for",
              "fetch the file itself: git lfs pull"},
    Signature{"<!doctype html"sv, 0, "a web page (HTML)",
              "the download got a page, such as a log-in: download it again"},
    Signature{"<html"sv, 0, "a web page (HTML)", "the download got a page, such as a log-in: download it again"},
    Signature{"<?xml"sv, 0, "an XML text", "if it was downloaded, it may be an error of the server: look into it"},
    Signature{"model_checkpoint_path"sv, 0, "the state file of a TensorFlow checkpoint", "give the folder it lies in"},
};

using Head = std::string;

bool has(const Head& head, std::string_view bytes, size_t offset = 0) {
  return head.size() >= offset + bytes.size() && head.compare(offset, bytes.size(), bytes) == 0;
}

FileContent other(const char* what, const char* hint) { return {FileKind::kOther, what, hint}; }

/// The header's length, then its JSON.
bool is_safetensors(const Head& head) { return has(head, "\0\0\0"sv, 5) && has(head, "{"sv, 8); }

/// What a file of PyTorch before 1.6 begins with: a pickle, of any protocol, of this number.
bool is_torch_legacy(const Head& head) {
  const std::string_view start = std::string_view(head).substr(0, 32);
  return start.find("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv) != start.npos ||
         start.starts_with("L119547037146038801333356L");
}

bool is_pickle(const Head& head) {
  constexpr std::string_view kFirst = "\x95}]c(XKJM)\x8a\x8cNCUG"sv;
  return head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5 && kFirst.find(head[2]) != kFirst.npos;
}

bool is_text(const Head& head) {
  return std::all_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte >= 0x20 ? byte != 0x7f : byte == '\n' || byte == '\r' || byte == '\t' || byte == '\f';
  });
}

FileContent identify_text(const Head& head) {
  size_t begin = has(head, "\xef\xbb\xbf"sv) ? 3 : 0;
  begin = std::min(head.find_first_not_of(" \t\r\n", begin), head.size());
  const std::string start = to_lower(std::string_view(head).substr(begin));
  for (const Signature& text : kTexts) {
    if (has(start, text.bytes)) return other(text.what, text.hint);
  }
  if (start.starts_with('{') && start.find("\"weight_map\"") != start.npos) {
    return {FileKind::kSafetensorsIndex, "an index of weights in several files", kConvert};
  }
  if (start.starts_with('{') || start.starts_with('[')) return other("a JSON text", kNoWeights);
  return other("a text", kNoWeights);
}

/// Protocol buffers have no signature; these are the first fields of the messages.
FileContent identify_message(const Head& head) {
  if (has(head, "\x08\x01\x12"sv)) {
    return other("a SavedModel of TensorFlow", "give the checkpoint in it: the path of variables/variables");
  }
  constexpr std::string_view kSecond = "\x12\x1a\x22\x28\x32\x3a\x42"sv;
  if (head.size() > 3 && head[0] == 8 && head[1] > 1 && head[1] < 32 && kSecond.find(head[2]) != kSecond.npos) {
    return {FileKind::kOnnx, "an ONNX model", "convert the weights it was exported from"};
  }
  // A node: its name, then its operator.
  const size_t node = head.size() > 3 && head[0] == 0x0a ? ((head[1] & 0x80) != 0 ? 3 : 2) : head.size();
  if (node + 2 < head.size() && head[node] == 0x0a) {
    const size_t operation = node + 2 + static_cast<uint8_t>(head[node + 1]);
    if (operation + 2 < head.size() && head[operation] == 0x12 &&
        std::isupper(static_cast<uint8_t>(head[operation + 2]))) {
      return other("a frozen graph of TensorFlow", kReadable);
    }
  }
  return {};
}

/// Names in a zip archive, at most as many as tell its kind.
std::vector<std::string> names_in_zip(zip_t* archive) {
  constexpr zip_int64_t kMost = 100000;
  std::vector<std::string> names;
  for (zip_int64_t i = 0, count = std::min(zip_get_num_entries(archive, 0), kMost); i < count; ++i) {
    const char* name = zip_get_name(archive, static_cast<zip_uint64_t>(i), 0);
    if (name != nullptr) names.emplace_back(name);
  }
  return names;
}

FileContent identify_zip(const fs::path& path) {
  zip_t* archive = zip_open(path.c_str(), ZIP_RDONLY, nullptr);
  if (archive == nullptr) return other("a zip archive that is damaged or was cut off", "copy or download it again");
  const std::vector<std::string> names = names_in_zip(archive);
  zip_discard(archive);
  const auto any = [&](std::string_view ending) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return name == ending || name.ends_with(concat("/", ending)); });
  };
  if (any("data.pkl")) {
    return {FileKind::kTorch, any("constants.pkl") ? "a TorchScript archive" : "a PyTorch file", kConvert};
  }
  if (any("model.weights.h5") || any("keras_metadata.pb")) {
    return other("a Keras model", kReadable);
  }
  if (any("serialized_exported_program.json") || any("archive_format")) {
    return other("a program of torch.export",
                 "save the state dictionary instead: torch.save(model.state_dict(), FILE)");
  }
  if (!names.empty() && std::all_of(names.begin(), names.end(), [](const auto& n) { return n.ends_with(".npy"); })) {
    return other("an archive of NumPy arrays (.npz)",
                 "save them in Python as safetensors: safetensors.numpy.save_file");
  }
  return other("a zip archive without weights of PyTorch", "if it holds a file of weights, unpack it first");
}

FileContent identify_tar(const Head& head) {
  const std::string first = head.c_str();
  for (const char* member : {"sys_info", "pickle", "tensors", "storages"}) {
    if (first == member || first == concat("./", member)) {
      return other(
          "a PyTorch file of a version before 0.1.10",
          "load and save it again with a newer PyTorch: torch.save(torch.load(FILE, weights_only=False), OUT)");
    }
  }
  return other("a tar archive", kUnpack);
}

FileContent identify_folder(const fs::path& path) {
  if (fs::exists(path / "saved_model.pb")) {
    return other("a SavedModel of TensorFlow", "give the checkpoint in it: the path of variables/variables");
  }
  return other("a folder", "give a file in it");
}

/// The last bytes of a table of LevelDB, which is what a checkpoint's index is.
bool ends_as_table(const RandomAccessFile& file) {
  constexpr std::string_view kMagic = "\x57\xfb\x80\x8b\x24\x75\x47\xdb"sv;
  std::array<uint8_t, kMagic.size()> end{};
  if (file.size() < end.size()) return false;
  file.read(file.size() - end.size(), end);
  return std::memcmp(end.data(), kMagic.data(), end.size()) == 0;
}

}  // namespace

FileContent identify_file(const fs::path& path) {
  if (fs::is_directory(path)) return identify_folder(path);
  const RandomAccessFile file(path);
  if (file.size() == 0) return other("empty", "copy or download it again");
  Head head(std::min<uint64_t>(file.size(), kHead), '\0');
  file.read(0, std::span(reinterpret_cast<uint8_t*>(head.data()), head.size()));
  // Nothing that follows begins with what can be a length, so this goes first.
  if (is_safetensors(head)) return {FileKind::kSafetensors, "a safetensors file", ""};
  if (has(head, "PK\x03\x04"sv) || has(head, "PK\x05\x06"sv)) return identify_zip(path);
  if (is_torch_legacy(head)) return {FileKind::kTorch, "a PyTorch file", kConvert};
  if (has(head, "ustar"sv, 257)) return identify_tar(head);
  for (const Signature& format : kSignatures) {
    if (has(head, format.bytes, format.offset)) return other(format.what, format.hint);
  }
  if (is_pickle(head)) {
    return other("a Python pickle that torch.save did not write",
                 "load it in Python and save its weights: torch.save(state_dict, FILE)");
  }
  if (ends_as_table(file)) return {FileKind::kTensorFlow, "a part of a TensorFlow checkpoint", kConvert};
  if (is_text(head)) return identify_text(head);
  return identify_message(head);
}

FileKind refuse_other_kinds(const fs::path& path, FileKind wanted, const std::string& expected) {
  const FileContent found = identify_file(path);
  if (found.kind == FileKind::kUnknown || found.kind == wanted) return found.kind;
  throw InputError(path.string(), concat("is ", found.what, ", expected ", expected), found.hint);
}

}  // namespace assemble
