// SPDX-License-Identifier: Apache-2.0
#include "../../src/data/builders/mat_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "raw_sets.h"
#include "test_support.h"

namespace assemble::raw {
namespace {

using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// tests/golden/mat: the same variables written by scipy 1.17's savemat, plain and compressed.
class MatFiles : public testing::TestWithParam<const char*> {
 protected:
  const MatFile file_{test::stored_golden(std::string("mat/") + GetParam())};
};
INSTANTIATE_TEST_SUITE_P(Written, MatFiles, testing::Values("plain.mat", "compressed.mat"));

TEST_P(MatFiles, NumbersOfAnyType) {
  EXPECT_THAT(file_.read("labels").numbers(), ElementsAre(1, 77, 102, 3));      // uint8
  EXPECT_THAT(file_.read("trnid").numbers(), ElementsAre(6765, 6755.5));        // double
  EXPECT_THAT(file_.read("complex").numbers(), ElementsAre(1)) << "real part";  // double, 1 + 2i
}

TEST_P(MatFiles, CellsOfText) {
  const MatVariable names = file_.read("class_names");
  ASSERT_EQ(names.size(), 3u);
  EXPECT_EQ(names.cell_text(0), "AM General Hummer SUV 2000");
  EXPECT_EQ(names.cell_text(1), "Citroën C3");
  EXPECT_EQ(names.cell_text(2), "");
  EXPECT_THAT(error_of<InputError>([&] { names.cell_text(3); }), HasSubstr("class_names: element 4 is no text"));
}

TEST_P(MatFiles, Structs) {
  const MatVariable annotations = file_.read("annotations");
  ASSERT_EQ(annotations.size(), 3u);
  EXPECT_EQ(annotations.text(0, "relative_im_path"), "car_ims/000001.jpg");
  EXPECT_EQ(annotations.text(2, "relative_im_path"), "car_ims/é中.jpg");
  EXPECT_EQ(annotations.integer(1, "class"), 197);
  EXPECT_EQ(annotations.integer(2, "bbox_x1"), 70000);
  EXPECT_THAT(error_of<InputError>([&] { annotations.integer(0, "bbox_y1"); }), HasSubstr("no field 'bbox_y1'"));
  EXPECT_THAT(error_of<InputError>([&] { annotations.integer(0, "relative_im_path"); }), HasSubstr("is no number"));
  EXPECT_THAT(error_of<InputError>([&] { annotations.text(3, "relative_im_path"); }), HasSubstr("element 4"));
  EXPECT_THAT(error_of<InputError>([&] { annotations.numbers(); }), HasSubstr("holds no numbers"));
}

TEST_P(MatFiles, MissingAndUnknownVariables) {
  EXPECT_THAT(error_of<InputError>([&] { file_.read("Labels"); }), HasSubstr("Labels: there is no such variable"));
}

TEST(MatFile, RefusesOtherFiles) {
  test::TemporaryFolder folder;
  const auto refusal = [&](const Bytes& bytes) {
    write_file(folder / "x.mat", bytes);
    return error_of<InputError>([&] { MatFile file(folder / "x.mat"); });
  };
  EXPECT_THAT(refusal(Bytes(128, ' ')), HasSubstr("is no .mat file of level 5"));
  Bytes newer(1024);
  const std::string_view signature = "\x89HDF";
  std::copy(signature.begin(), signature.end(), newer.begin() + 512);
  EXPECT_THAT(refusal(newer), HasSubstr("save it in MATLAB with save(..., '-v7')"));
  EXPECT_THAT(error_of<InputError>([&] { MatFile file(folder / "none.mat"); }), HasSubstr("missing"));
}

TEST(MatFile, SaysWhatIsDamaged) {
  test::TemporaryFolder folder;
  const Bytes whole = read_file(test::stored_golden("mat/plain.mat"));
  const auto refusal = [&](size_t offset, uint8_t value) {
    Bytes bytes = whole;
    bytes[offset] = value;
    write_file(folder / "x.mat", bytes);
    return error_of<InputError>([&] { MatFile file(folder / "x.mat"); });
  };
  // The first variable: its tag at 128, flags at 136, dimensions from 152 on.
  EXPECT_THAT(refusal(132 + 3, 0x7F), HasSubstr("x.mat: damaged .mat file: an element of "));
  EXPECT_THAT(refusal(136, 9), HasSubstr("an element of type 9, expected 6"));
  EXPECT_THAT(refusal(160 + 3, 0x7F), HasSubstr("an array larger than the file can be"));
  write_file(folder / "cut.mat", std::span(whole).first(whole.size() / 2));
  EXPECT_THAT(error_of<InputError>([&] { MatFile file(folder / "cut.mat"); }), HasSubstr("are left"));
}

TEST(MatFile, NestingIsBounded) {
  // Cells in cells: each level is the next one's only element.
  Bytes inner;
  const auto words = [](std::initializer_list<uint32_t> values) {
    Bytes bytes(values.size() * 4);
    std::memcpy(bytes.data(), values.begin(), bytes.size());
    return bytes;
  };
  for (int depth = 0; depth < 40; ++depth) {
    Bytes cell = words({6, 8, 1, 0, 5, 8, 1, 1, 1, 0});
    if (depth == 0) cell = words({6, 8, 6, 0, 5, 8, 1, 0, 1, 0, 9, 0});
    cell.insert(cell.end(), inner.begin(), inner.end());
    inner = words({14, static_cast<uint32_t>(cell.size())});
    inner.insert(inner.end(), cell.begin(), cell.end());
  }
  test::TemporaryFolder folder;
  Bytes file(124, ' ');
  for (const uint8_t byte : {0, 1, int{'I'}, int{'M'}}) file.push_back(byte);
  file.insert(file.end(), inner.begin(), inner.end());
  write_file(folder / "deep.mat", file);
  EXPECT_THAT(error_of<InputError>([&] { MatFile deep(folder / "deep.mat"); }), HasSubstr("nested more than 16 deep"));
}

TEST(MatFile, InflatesNoMoreThanAllowed) {
  test::TemporaryFolder folder;
  const fs::path path = folder / "bomb.mat";
  test::MatWriter(path).numbers("zeros", std::vector<double>((size_t{65} << 20) / sizeof(double)));
  EXPECT_LT(fs::file_size(path), 1 << 20);
  EXPECT_THAT(error_of<InputError>([&] { MatFile file(path); }), HasSubstr("inflates to more than 67108864 bytes"));
}

}  // namespace
}  // namespace assemble::raw
