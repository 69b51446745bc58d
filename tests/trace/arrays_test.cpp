// SPDX-License-Identifier: Apache-2.0
#include "assemble/trace/arrays.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "matrices.h"

namespace assemble {
namespace {

TEST(Arrays, ShareTheMemoryOfTensorsThatAreRowMajorF32) {
  const torch::Tensor tensor = torch::randn({2, 3, 4, 5});
  const Array array = to_array(tensor);
  EXPECT_EQ(array.shape(), (std::vector<int64_t>{2, 3, 4, 5}));
  EXPECT_EQ(array.data(), tensor.const_data_ptr<float>());
  EXPECT_TRUE(to_tensor(array).equal(tensor));
  EXPECT_EQ(to_tensor(array).const_data_ptr<float>(), array.data());
  const torch::Tensor other = tensor.to(torch::kDouble).contiguous(torch::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(to_tensor(to_array(other)).equal(tensor));
  EXPECT_FALSE(to_tensor(Array()).defined());
}

TEST(Arrays, KeepTheirTensors) {
  Array array;
  torch::Tensor again;
  {
    array = to_array(torch::arange(6, torch::kFloat).view({2, 3}));
    again = to_tensor(array.rows(1, 2));
  }
  array = Array();
  EXPECT_TRUE(again.equal(torch::tensor({{3.f, 4.f, 5.f}})));
}

TEST(Matrices, AreTensorsOfTwoDimensions) {
  const torch::Tensor tensor = torch::randn({3, 4}, torch::kDouble).t();
  const Matrix matrix = to_matrix(tensor);
  EXPECT_EQ(matrix.rows, 4);
  EXPECT_EQ(matrix.columns, 3);
  EXPECT_TRUE(to_tensor(matrix).equal(tensor.to(torch::kFloat)));
}

TEST(ImagesAsTensors, AreAChannelsLastViewOfTheirMemory) {
  const std::vector<float> pixels{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const torch::Tensor tensor = to_tensor(Images{1, 2, 2, pixels.data()});
  EXPECT_EQ(tensor.sizes(), (std::vector<int64_t>{1, 3, 2, 2}));
  EXPECT_FLOAT_EQ((tensor[0][1][0][1].item<float>()), 4);
  EXPECT_TRUE(tensor.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_EQ(tensor.const_data_ptr<float>(), pixels.data());
  torch::Tensor kept;
  const Images again = to_images(tensor, kept);
  EXPECT_EQ(again.count, 1);
  EXPECT_EQ(std::get<const float*>(again.pixels)[4], 4);
}

TEST(ImagesAsTensors, OfBytesAreRowsOfPixels) {
  const std::vector<uint8_t> pixels(2 * 3 * 4 * 3, 7);
  const Images images{2, 3, 4, pixels.data()};
  EXPECT_EQ(to_tensor(images).sizes(), (std::vector<int64_t>{2, 3, 4, 3}));
  torch::Tensor kept;
  const Images again = to_images(to_tensor(images), kept);
  EXPECT_TRUE(again.bytes());
  EXPECT_EQ(again.height, 3);
  EXPECT_EQ(again.width, 4);
}

}  // namespace
}  // namespace assemble
