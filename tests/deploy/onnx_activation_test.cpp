// SPDX-License-Identifier: Apache-2.0
// Class activations of .onnx files: of this library in f32 and 8 bits, and of other programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/text.h"
#include "assemble/deploy/class_activation.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/deploy/quantise.h"
#include "engines.h"
#include "matrices.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::normal_values;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class ExportedActivations : public testing::TestWithParam<test::SmallNetworkOptions> {
 protected:
  void SetUp() override { ASSEMBLE_NEEDS_OPENVINO(); }

  static Images images(const std::vector<float>& values) { return {1, 32, 32, values.data()}; }
  MappedModel exported(const Graph& graph, ModelCard card, Precision precision) const {
    const fs::path file = folder_ / "model.onnx";
    write_file(file, std::string_view(serialise(to_onnx(graph, to_metadata(card, precision)))));
    return open_activation_mapper(file);
  }
  /// The largest difference of a map from that of the graph itself, by the largest value.
  double difference(ActivationMapper& mapper, const std::vector<float>& input, const std::vector<float>& traced_input) {
    ActivationMapper expected(network_.graph(), "small");
    const Activations found = mapper.run(images(input)), wanted = expected.run(images(traced_input));
    EXPECT_EQ(mapper.blocks(), expected.blocks());
    EXPECT_EQ(mapper.method(), expected.method());
    EXPECT_NEAR(found.first_halves.at(0), wanted.first_halves.at(0), 0.02);
    double largest = 0, apart = 0;
    for (int64_t label = 0; label < 3; ++label) {
      const std::vector<float> a = mapper.of_class(found, label).values, b = expected.of_class(wanted, label).values;
      EXPECT_EQ(a.size(), b.size());
      EXPECT_TRUE(all_finite(a));
      for (size_t i = 0; i < a.size(); ++i) {
        largest = std::max(largest, std::abs(static_cast<double>(b[i])));
        apart = std::max(apart, std::abs(static_cast<double>(a[i]) - b[i]));
      }
    }
    EXPECT_GT(largest, 0);
    return apart / largest;
  }

  test::TemporaryFolder folder_;
  test::SmallNetwork network_{GetParam()};
  std::vector<float> noise_ = normal_values(32 * 32 * 3, 2);
};

TEST_P(ExportedActivations, AreThoseOfTheModelFile) {
  MappedModel model = exported(optimise(network_.graph()), network_.card(), Precision::kF32);
  EXPECT_EQ(model.card.class_names.size(), 3u);
  EXPECT_EQ(model.mapper.image_size(), 32);
  const double apart = difference(model.mapper, noise_, noise_);
  std::cout << "f32: apart by " << apart << "\n";
  EXPECT_LT(apart, 1e-4);
}

TEST_P(ExportedActivations, TakeBytesWherePreprocessingIsInside) {
  const Preprocessing preprocessing = network_.card().preprocessing;
  const Graph graph = with_preprocessing(optimise(network_.graph()), preprocessing);
  MappedModel model = exported(graph, network_.card(), Precision::kF32);
  std::vector<float> bytes(noise_.size()), prepared(noise_.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<float>((i * 37) % 256);
    prepared[i] = bytes[i] - preprocessing.mean[i % 3];
  }
  EXPECT_LT(difference(model.mapper, bytes, prepared), 1e-4);
}

TEST_P(ExportedActivations, OfEightBitsAreNearThem) {
  std::vector<float> calibration = normal_values(16 * 32 * 32 * 3, 3);
  const Graph graph =
      quantise(pools_as_convolutions(optimise(network_.graph())), {{16, 32, 32, calibration.data()}}, {}).graph;
  MappedModel model = exported(graph, network_.card(), Precision::kInt8);
  const double apart = difference(model.mapper, noise_, noise_);
  std::cout << "int8: apart by " << apart << "\n";
  EXPECT_LT(apart, 0.15);
}

INSTANTIATE_TEST_SUITE_P(Heads, ExportedActivations,
                         testing::Values(test::SmallNetworkOptions{}, test::SmallNetworkOptions{.embedding = 6},
                                         test::SmallNetworkOptions{.gem = true}),
                         [](const auto& info) { return concat("Case", info.index); });

/// A network of another program on images of 2×2: a rectifier, a pooling or none, and a matrix of 3 (or 12) to 3.
struct OtherNetwork {
  std::string pooling = "GlobalAveragePool";  ///< empty: the map is flattened
  bool softmax = false;
  bool gemm = false;

  OnnxModel model() const {
    OnnxModel model;
    model.name = "other";
    model.inputs.push_back({"x", OnnxType::kFloat, {-1, 3, 2, 2}});
    std::string last = "x";
    const auto add = [&](const std::string& type, const std::vector<std::string>& more = {}) {
      std::vector<std::string> inputs{last};
      inputs.insert(inputs.end(), more.begin(), more.end());
      last = type + "_here";
      model.nodes.push_back({type, last, inputs, {last}, {}});
    };
    add("Relu");
    if (!pooling.empty()) add(pooling);
    add("Flatten");
    const int64_t in = pooling.empty() ? 12 : 3;
    std::vector<float> weights;
    for (int64_t i = 0; i < in * 3; ++i) weights.push_back(static_cast<float>((i * 5 + 2) % 7) - 3);
    const std::vector<float> bias{0.5f, -1, 2};
    const auto constant = [&](const char* name, const std::vector<int64_t>& dims, const std::vector<float>& values) {
      Bytes bytes(values.size() * sizeof(float));
      std::memcpy(bytes.data(), values.data(), bytes.size());
      model.constants.push_back({name, OnnxType::kFloat, dims, bytes});
    };
    constant("w", {in, 3}, weights);
    constant("b", {3}, bias);
    if (gemm) {
      add("Gemm", {"w", "b"});
    } else {
      add("MatMul", {"w"});
      add("Add", {"b"});
    }
    if (softmax) add("Softmax");
    model.outputs.push_back({last, OnnxType::kFloat, {-1, 3}});
    return model;
  }
};

class OtherActivations : public testing::Test {
 protected:
  void SetUp() override { ASSEMBLE_NEEDS_OPENVINO(); }
  MappedModel open(const OtherNetwork& network, const std::string& more) const {
    const fs::path file = folder_ / "other.onnx";
    write_file(file, std::string_view(serialise(network.model())));
    write_file(foreign_options_file(file),
               std::string_view("value-range = [0, 1]\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]\ncrop = \"squash\"\n"
                                "interpolation = \"bilinear\"\nantialias = true\n" +
                                more));
    return open_activation_mapper(file);
  }
  Activations seen(MappedModel& model) const { return model.mapper.run({1, 2, 2, image_.data()}); }

  test::TemporaryFolder folder_;
  /// Channels of the four places, NHWC.
  const std::vector<float> image_{4, 0, 0, 0, 1, 0, 0, 0, 8, 0, 2, -5};
};

TEST_F(OtherActivations, AreByHandWhatTheyShouldBe) {
  // Weights (5i + 2) mod 7 - 3: rows -1 -3 2, 0 -2 3, 1 -1 -3.
  for (const bool gemm : {false, true}) {
    MappedModel model = open({.gemm = gemm}, "output = \"logits\"\n");
    const Activations activations = seen(model);
    // Means 1, 0.75 and 2.
    EXPECT_THAT(activations.logits, ElementsAre(-1 + 2 + 0.5, -3 - 1.5 - 2 - 1, 2 + 2.25 - 6 + 2));
    EXPECT_THAT(model.mapper.of_class(activations, 0).values, ElementsAre(0, 0, 2, 0));
    EXPECT_THAT(model.mapper.of_class(activations, 1).values, ElementsAre(0, 0, 0, 0));
    EXPECT_THAT(model.mapper.of_class(activations, 2).values, ElementsAre(2, 0.75f, 0, 1.5f));
    EXPECT_TRUE(model.mapper.blocks().empty());
  }
}

TEST_F(OtherActivations, AreOfTheLogitsBeforeASoftmaxAndOfClassesBehindABackground) {
  MappedModel model = open({.softmax = true}, "output = \"softmax\"\nlabel-offset = 1\n");
  const Activations activations = seen(model);
  EXPECT_THAT(activations.logits, ElementsAre(-7.5, 0.25));
  EXPECT_THAT(model.mapper.of_class(activations, 1).values, ElementsAre(2, 0.75f, 0, 1.5f));
  EXPECT_THROW(model.mapper.of_class(activations, 2), UsageError);
}

TEST_F(OtherActivations, OfFlattenedMapsKeepEachPlacesWeights) {
  MappedModel model = open({.pooling = ""}, "output = \"logits\"\n");
  EXPECT_EQ(model.mapper.method(), ActivationMethod::kHiResCam);
  const Activations activations = seen(model);
  for (int64_t label = 0; label < 3; ++label) {
    const std::vector<float> values = model.mapper.of_class(activations, label).values;
    for (int64_t place = 0; place < 4; ++place) {
      double sum = 0;
      for (int64_t c = 0; c < 3; ++c) {
        const int64_t row = c * 4 + place;
        const double weight = static_cast<double>(((row * 3 + label) * 5 + 2) % 7) - 3;
        sum += weight * std::max(image_[static_cast<size_t>(place * 3 + c)], 0.f);
      }
      EXPECT_FLOAT_EQ(values.at(static_cast<size_t>(place)), static_cast<float>(std::max(sum, 0.0)));
    }
  }
}

TEST_F(OtherActivations, RefuseANetworkWithoutAMeanNamingWhatStandsThere) {
  EXPECT_THAT(error_of<InputError>([&] { open({.pooling = "GlobalMaxPool"}, "output = \"logits\"\n"); }),
              AllOf(HasSubstr("other.onnx"), HasSubstr("GlobalMaxPool_here"), HasSubstr("pooled or flattened")));
}

TEST_F(OtherActivations, RefuseFilesThatAreNone) {
  write_file(folder_ / "other.onnx", std::string_view("whatever"));
  EXPECT_THROW(open_activation_mapper(folder_ / "other.onnx"), InputError);
  EXPECT_THROW(open_activation_mapper(folder_ / "missing.onnx"), InputError);
}

}  // namespace
}  // namespace assemble
