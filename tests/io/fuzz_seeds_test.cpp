// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>

#include "fuzz_data_targets.h"
#include "test_support.h"

namespace assemble {
namespace {

/// Gives every kept seed of a format, whole and cut short at every length, to the check of the format's fuzzer. A check
/// that fails ends the process.
void replay(const std::string& format, const std::function<void(std::span<const uint8_t>)>& check, size_t cuts) {
  const fs::path folder = fs::path(ASSEMBLE_SOURCE_DIR) / "tests/fuzz_seeds" / format;
  int seeds = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path());
    const Bytes bytes = read_file(entry.path());
    check(bytes);
    for (size_t cut = 0; cut < cuts; ++cut) check(std::span(bytes).first(bytes.size() * cut / cuts));
    ++seeds;
  }
  EXPECT_GT(seeds, 0) << folder;
}

TEST(FuzzSeeds, TarIndex) { replay("tar_index", fuzz::check_tar_index, 64); }
TEST(FuzzSeeds, TextLists) { replay("text_lists", fuzz::check_text_lists, 64); }
TEST(FuzzSeeds, ZipIndex) { replay("zip_index", fuzz::check_zip_index, 64); }
TEST(FuzzSeeds, BoxXml) { replay("box_xml", fuzz::check_box_xml, 64); }
TEST(FuzzSeeds, Mat) { replay("mat", fuzz::check_mat, 64); }
TEST(FuzzSeeds, Example) { replay("example", fuzz::check_example, 64); }
TEST(FuzzSeeds, GraphText) { replay("graph_text", fuzz::check_graph_text, 64); }
TEST(FuzzSeeds, Image) { replay("image", fuzz::check_image, 8); }
TEST(FuzzSeeds, Onnx) { replay("onnx", fuzz::check_onnx, 64); }
TEST(FuzzSeeds, Safetensors) { replay("safetensors", fuzz::check_safetensors, 64); }
TEST(FuzzSeeds, TfCheckpoint) { replay("tf_checkpoint", fuzz::check_tf_checkpoint, 16); }
TEST(FuzzSeeds, Toml) { replay("toml", fuzz::check_toml, 64); }
TEST(FuzzSeeds, TorchArchive) { replay("torch_archive", fuzz::check_torch_archive, 64); }
TEST(FuzzSeeds, TorchLegacy) { replay("torch_legacy", fuzz::check_torch_legacy, 64); }
TEST(FuzzSeeds, FileKind) { replay("file_kind", fuzz::check_file_kind, 16); }
TEST(FuzzSeeds, TfRecord) { replay("tfrecord", fuzz::check_tfrecord, 64); }

}  // namespace
}  // namespace assemble
