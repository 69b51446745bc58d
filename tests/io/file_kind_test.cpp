// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/file_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include "assemble/core/error.h"
#include "assemble/io/onnx_writer.h"
#include "assemble/io/safetensors.h"
#include "assemble/io/tf_checkpoint.h"
#include "assemble/io/torch_archive.h"
#include "test_support.h"

namespace assemble {
namespace {

using namespace std::string_view_literals;
using test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

class FileKindTest : public ::testing::Test {
 protected:
  FileContent identify(std::string_view bytes) const {
    test::write_bytes(path_, std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
    return identify_file(path_);
  }
  std::string what(std::string_view bytes) const { return identify(bytes).what; }

  FileContent identify_zip(const std::vector<std::string>& names) const {
    zip_t* archive = zip_open(path_.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
    for (const std::string& name : names) zip_file_add(archive, name.c_str(), zip_source_buffer(archive, "x", 1, 0), 0);
    zip_close(archive);
    return identify_file(path_);
  }

  test::TemporaryFolder folder_;
  fs::path path_ = folder_ / "weights.bin";
};

TEST_F(FileKindTest, TextsInAFilesPlace) {
  EXPECT_EQ(what("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
            "a Git LFS pointer, not the file it stands for");
  EXPECT_EQ(what("\n\n  <!DOCTYPE html>\n<html><head>"), "a web page (HTML)");
  EXPECT_EQ(what("\xef\xbb\xbf<HTML lang=de>"), "a web page (HTML)");
  EXPECT_EQ(what("<?xml version='1.0'?><Error><Code>AccessDenied</Code>"), "an XML text");
  EXPECT_EQ(what("{\"error\": \"Repository not found\"}"), "a JSON text");
  EXPECT_EQ(what("model_checkpoint_path: \"model.ckpt-1\"\n"), "the state file of a TensorFlow checkpoint");
  EXPECT_EQ(what("Not Found"), "a text");
  EXPECT_EQ(identify("{\"metadata\": {}, \"weight_map\": {").kind, FileKind::kSafetensorsIndex);
}

TEST_F(FileKindTest, FormatsOfOthers) {
  EXPECT_THAT(what("\x89HDF\r\n\x1a\n\0\0"sv), HasSubstr("an HDF5 file"));
  EXPECT_THAT(what("\x93NUMPY\1\0"sv), HasSubstr("a NumPy array"));
  EXPECT_THAT(what("\x1c\0\0\0TFL3"sv), HasSubstr("TensorFlow Lite"));
  EXPECT_EQ(what("\x1f\x8b\x08\0"sv), "a gzip archive");
  EXPECT_EQ(what("\xfd"
                 "7zXZ\0\0"sv),
            "an xz archive");
  EXPECT_EQ(what("7z\xbc\xaf\x27\x1c"sv), "a 7z archive");
  EXPECT_EQ(what("\x80\x04\x95\x10\0\0\0\0\0\0\0}"sv), "a Python pickle that torch.save did not write");
  EXPECT_EQ(what("\x08\x01\x12\xff\x01"sv), "a SavedModel of TensorFlow");
  EXPECT_EQ(identify("\x08\x08\x12\x07pytorch"sv).kind, FileKind::kOnnx);
  EXPECT_EQ(what("\x0a\x12\x0a\x05input\x12\x0bPlaceholder"sv), "a frozen graph of TensorFlow");
  EXPECT_EQ(what("\x0a\x92\x01\x0a\x05input\x12\x0bPlaceholder"sv), "a frozen graph of TensorFlow") << "a long node";
  EXPECT_EQ(what(""), "empty");
  EXPECT_EQ(identify("\1\2\3\4").kind, FileKind::kUnknown);
}

TEST_F(FileKindTest, ZipArchivesAreToldByTheirNames) {
  EXPECT_EQ(identify_zip({"m/data.pkl", "m/data/0"}).what, "a PyTorch file");
  EXPECT_EQ(identify_zip({"m/data.pkl", "m/constants.pkl", "m/code/a.py"}).what, "a TorchScript archive");
  EXPECT_EQ(identify_zip({"m/data.pkl", "m/constants.pkl"}).kind, FileKind::kTorch);
  EXPECT_EQ(identify_zip({"config.json", "metadata.json", "model.weights.h5"}).what, "a Keras model");
  EXPECT_EQ(identify_zip({"arr_0.npy", "b.npy"}).what, "an archive of NumPy arrays (.npz)");
  EXPECT_EQ(identify_zip({"photos/1.jpg"}).what, "a zip archive without weights of PyTorch");
  EXPECT_EQ(what("PK\x03\x04 and no more"), "a zip archive that is damaged or was cut off");
}

TEST_F(FileKindTest, TarsOfTheFirstPyTorchAreKnown) {
  std::string header(512, '\0');
  header.replace(257, 5, "ustar");
  header.replace(0, 8, "storages");
  EXPECT_THAT(what(header), HasSubstr("a version before 0.1.10"));
  header.replace(0, 8, "photo.jp");
  EXPECT_EQ(what(header), "a tar archive");
}

TEST_F(FileKindTest, Folders) {
  EXPECT_EQ(identify_file(folder_.path()).what, "a folder");
  test::write_bytes(folder_ / "saved_model.pb", Bytes{1});
  EXPECT_EQ(identify_file(folder_.path()).what, "a SavedModel of TensorFlow");
}

TEST_F(FileKindTest, OwnFormatsAreKnownWhateverTheirNames) {
  write_safetensors(path_, {{"a", DataType::kU8, {1}, Bytes{1}}}, {});
  EXPECT_EQ(identify_file(path_).kind, FileKind::kSafetensors);
  write_torch_archive(path_, {});
  EXPECT_EQ(identify_file(path_).kind, FileKind::kTorch);
  EXPECT_EQ(identify_file(test::stored_golden("torch/protocol1_legacy.pth")).kind, FileKind::kTorch);
  EXPECT_EQ(identify_file(test::stored_golden("torch/protocol5_legacy.pth")).kind, FileKind::kTorch);
  write_tf_checkpoint(folder_ / "m", {});
  EXPECT_EQ(identify_file(folder_ / "m.index").kind, FileKind::kTensorFlow);
}

TEST_F(FileKindTest, EveryReaderSaysWhatItWasGiven) {
  test::write_bytes(path_, Bytes{'<', 'h', 't', 'm', 'l', '>'});
  EXPECT_THAT(error_of<InputError>([&] { SafetensorsFile{path_}; }),
              HasSubstr("weights.bin: is a web page (HTML), expected a safetensors file (the download got a page"));
  EXPECT_THAT(error_of<InputError>([&] { TorchArchive{path_}; }), HasSubstr("expected a file of torch.save"));
  EXPECT_THAT(error_of<InputError>([&] { read_onnx_metadata(path_); }), HasSubstr("expected an ONNX model"));
  EXPECT_THAT(error_of<InputError>([&] { TfCheckpoint{path_}; }), HasSubstr("expected a TensorFlow checkpoint"));
  write_torch_archive(path_, {});
  EXPECT_THAT(error_of<InputError>([&] { SafetensorsFile{path_}; }),
              AllOf(HasSubstr("is a PyTorch file"), HasSubstr("import it with `assemble convert`")));
}

}  // namespace
}  // namespace assemble
