// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/safetensors.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::fs::path;
using testing::HasSubstr;

NamedEmbeddings sample() {
  NamedEmbeddings embeddings;
  embeddings.images.embeddings = test::normal_matrix(3, 5, 1);
  embeddings.images.embeddings.row(1)[2] = 1e-38f;
  embeddings.images.embeddings.row(2)[4] = -1.0f / 3;
  embeddings.images.labels = {1, kDistractor, 0};
  embeddings.images.names = {"cats, \"small\"/a.jpg", "b.jpg", "c.jpg"};
  embeddings.classes = {"dog", "cat, small"};
  return embeddings;
}

TEST(Embeddings, SafetensorsHoldThemWithNamesAndLabels) {
  const test::TemporaryFolder folder;
  const NamedEmbeddings embeddings = sample();
  write_embeddings(folder / "e.safetensors", embeddings, {{"arch", "resnet50"}});
  const SafetensorsFile file(folder / "e.safetensors");
  EXPECT_TRUE(test::same(test::read_matrix(file, "embeddings"), embeddings.images.embeddings));
  EXPECT_EQ(test::read_integers(file, "labels"), embeddings.images.labels);
  EXPECT_EQ(nlohmann::json::parse(file.metadata().at("images")), nlohmann::json(embeddings.images.names));
  EXPECT_EQ(nlohmann::json::parse(file.metadata().at("classes")), nlohmann::json(embeddings.classes));
  EXPECT_EQ(file.metadata().at("arch"), "resnet50");
}

TEST(Embeddings, CsvReadsBackAsTheSameBits) {
  const test::TemporaryFolder folder;
  const NamedEmbeddings embeddings = sample();
  write_embeddings(folder / "e.csv", embeddings, {});
  const std::vector<std::string> lines = split(test::read_text(folder / "e.csv"), '\n');
  EXPECT_EQ(lines.at(0), "image,label,class,e0,e1,e2,e3,e4");
  EXPECT_THAT(lines.at(1), testing::StartsWith("\"cats, \"\"small\"\"/a.jpg\",1,\"cat, small\","));
  EXPECT_THAT(lines.at(2), testing::StartsWith("b.jpg,-1,,"));
  for (int64_t row = 1; row < 3; ++row) {
    const std::vector<std::string> fields = split(lines.at(static_cast<size_t>(row + 1)), ',');
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(std::strtof(fields.at(3 + i).c_str(), nullptr), embeddings.images.embeddings.row(row)[i]);
    }
  }
}

TEST(Embeddings, NpyIsNumpysFormat) {
  const test::TemporaryFolder folder;
  const NamedEmbeddings embeddings = sample();
  write_embeddings(folder / "e.npy", embeddings, {});
  const std::string bytes = test::read_text(folder / "e.npy");
  ASSERT_GT(bytes.size(), 10u);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const size_t length = static_cast<uint8_t>(bytes[8]) + 256u * static_cast<uint8_t>(bytes[9]);
  EXPECT_EQ((10 + length) % 64, 0u);
  const std::string header = bytes.substr(10, length);
  EXPECT_THAT(header, testing::StartsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }"));
  EXPECT_EQ(header.back(), '\n');
  ASSERT_EQ(bytes.size(), 10 + length + 15 * sizeof(float));
  EXPECT_EQ(std::memcmp(bytes.data() + 10 + length, embeddings.images.embeddings.values.data(), 15 * sizeof(float)), 0);
  EXPECT_EQ(test::read_text(folder / "e.csv"),
            "image,label,class\n\"cats, \"\"small\"\"/a.jpg\",1,\"cat, small\"\nb.jpg,-1,\nc.jpg,0,dog\n");
}

TEST(Embeddings, RefusesOtherEndingsAndCounts) {
  const test::TemporaryFolder folder;
  NamedEmbeddings embeddings = sample();
  EXPECT_THAT(test::error_of<UsageError>([&] { write_embeddings(folder / "e.bin", embeddings, {}); }),
              HasSubstr("use .safetensors, .csv or .npy"));
  EXPECT_EQ(embedding_labels_file("a/b.NPY"), path("a/b.csv"));
  EXPECT_EQ(embedding_labels_file("a/b.csv"), path());
  embeddings.images.names.pop_back();
  EXPECT_THROW(write_embeddings(folder / "e.csv", embeddings, {}), UsageError);
}

}  // namespace
}  // namespace assemble
