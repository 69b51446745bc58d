// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/class_activation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../src/deploy/activation/head_pass.h"
#include "../../src/deploy/activation/split_network.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/deploy/engine.h"
#include "assemble/deploy/passes.h"
#include "engines.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::normal_values;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

NodeId add_dense(Graph& graph, NodeId input, const Array& weight, const Array& bias, const std::string& name) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const NodeId vector = graph.add(ops::Reshape{{in, 1, 1}}, {input});
  const NodeId product = graph.add(
      ops::Convolution{.weight = weight.reshaped({out, in, 1, 1}), .bias = bias, .padding = {}}, {vector}, name);
  return graph.add(ops::Reshape{{out}}, {product});
}

/// Two classes from the means of a 2×2 image's channels.
Graph mean_network() {
  Graph graph;
  const NodeId map = graph.add(ops::Relu{}, {graph.add_input({}, {3, 2, 2})});
  add_dense(graph, graph.add(ops::Mean{}, {map}), Array({2, 3}, {1, -2, 0, 0.5f, 4, -1}), Array({2}, {0.25f, -3}),
            "fc");
  return graph;
}

/// Channels of the four places, NHWC: red 4 at the upper left, green 1 at the upper right and 2 below it, blue 8 at the
/// lower left and less than nothing beside it.
const std::vector<float> kImage{4, 0, 0, 0, 1, 0, 0, 0, 8, 0, 2, -5};

TEST(ClassActivation, IsByHandWhatItShouldBe) {
  ASSEMBLE_NEEDS_OPENVINO();
  ActivationMapper mapper(mean_network(), "means");
  const Activations seen = mapper.run({1, 2, 2, kImage.data()});
  EXPECT_THAT(seen.map, ElementsAre(4, 0, 0, 0, 0, 1, 0, 2, 0, 0, 8, 0));
  // Means 1, 0.75 and 2.
  EXPECT_THAT(seen.logits, ElementsAre(1 - 1.5 + 0.25, 0.5 + 3 - 2 - 3));
  const ClassActivation first = mapper.of_class(seen, 0), second = mapper.of_class(seen, 1);
  // A place's values times the weights, by four places; nothing below 0.
  EXPECT_THAT(first.values, ElementsAre(1, 0, 0, 0));
  EXPECT_THAT(second.values, ElementsAre(0.5f, 1, 0, 2));
  EXPECT_EQ(first.peak(), 0);
  EXPECT_EQ(second.peak(), 3);
  EXPECT_EQ(mapper.method(), ActivationMethod::kGradCam);
  EXPECT_TRUE(mapper.blocks().empty());
  EXPECT_EQ(mapper.image_size(), 2);
}

TEST(ClassActivation, HasNoPeakWhereNothingSpeaksForTheClass) {
  ASSEMBLE_NEEDS_OPENVINO();
  ActivationMapper mapper(mean_network(), "means");
  const std::vector<float> green{0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0};
  const ClassActivation activation = mapper.of_class(mapper.run({1, 2, 2, green.data()}), 0);
  EXPECT_THAT(activation.values, ElementsAre(0, 0, 0, 0));
  EXPECT_FALSE(activation.peak());
  EXPECT_FALSE(ClassActivation().peak());
}

TEST(ClassActivation, RefusesImagesAndOutputsThatThereAreNot) {
  ASSEMBLE_NEEDS_OPENVINO();
  ActivationMapper mapper(mean_network(), "means");
  EXPECT_THROW(mapper.run({1, 2, 1, kImage.data()}), UsageError);
  EXPECT_THROW(mapper.run({0, 2, 2, kImage.data()}), UsageError);
  const Activations seen = mapper.run({1, 2, 2, kImage.data()});
  EXPECT_THAT(error_of<UsageError>([&] { mapper.of_class(seen, 2); }), HasSubstr("2 outputs"));
  EXPECT_THROW(mapper.of_class(seen, -1), UsageError);
}

/// A head behind a map of 5 channels and 3×2 places.
struct HeadCase {
  const char* name;
  std::function<void(Graph& head)> build;
};
void PrintTo(const HeadCase& head, std::ostream* stream) { *stream << head.name; }

Array weights(const std::vector<int64_t>& shape, uint64_t seed) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return Array(shape, normal_values(count, seed));
}

NodeId gem(Graph& head) {
  const NodeId power = head.add(ops::Power{3}, {head.add(ops::Clamp{1e-6, 1e12}, {0})});
  const NodeId sum = head.add(ops::Clamp{1e-6, 1e30}, {head.add(ops::Sum{}, {power})});
  return head.add(ops::Scale{std::pow(6, -1.0 / 3)}, {head.add(ops::Power{1.0 / 3}, {sum})});
}

NodeId flattened(Graph& head) { return head.add(ops::Reshape{{30}}, {head.add(ops::Transpose{{0, 2, 3, 1}}, {0})}); }

NodeId embedded(Graph& head, NodeId features, int64_t in) {
  const NodeId vector = head.add(ops::Reshape{{in, 1, 1}}, {features});
  const NodeId dense =
      head.add(ops::Convolution{.weight = weights({4, in, 1, 1}, 5), .bias = {}, .padding = {}}, {vector});
  const NodeId norm = head.add(
      ops::BatchNorm{weights({4}, 6), weights({4}, 7), weights({4}, 8), Array({4}, {0.5f, 1, 2, 1.5f})}, {dense});
  return head.add(ops::Reshape{{4}}, {norm});
}

void classify(Graph& head, NodeId features, int64_t in) {
  add_dense(head, features, weights({3, in}, 9), weights({3}, 10), "fc");
}

/// As nn::CosineDense is traced.
void classify_by_angle(Graph& head, NodeId features) {
  const NodeId map = head.add(ops::Reshape{{1, 5, 1}}, {head.add(ops::Reshape{{5}}, {features})});
  const NodeId squares = head.add(ops::Sum{}, {head.add(ops::Power{2}, {map})});
  const NodeId inverse = head.add(ops::Power{-0.5}, {head.add(ops::Clamp{1e-12, 1e30}, {squares})});
  const NodeId unit = head.add(ops::Reshape{{5}}, {head.add(ops::Multiply{}, {map, inverse})});
  head.add(ops::Scale{16}, {add_dense(head, unit, weights({3, 5}, 9), {}, "fc")});
}

const HeadCase kHeads[] = {
    {"mean", [](Graph& head) { classify(head, head.add(ops::Mean{}, {0}), 5); }},
    {"generalised mean", [](Graph& head) { classify(head, gem(head), 5); }},
    {"flattened", [](Graph& head) { classify(head, flattened(head), 30); }},
    {"mean, embedding",
     [](Graph& head) { classify(head, head.add(ops::Relu{}, {embedded(head, head.add(ops::Mean{}, {0}), 5)}), 4); }},
    {"flattened, embedding",
     [](Graph& head) { classify(head, head.add(ops::Relu{}, {embedded(head, flattened(head), 30)}), 4); }},
    {"mean, cosine", [](Graph& head) { classify_by_angle(head, head.add(ops::Mean{}, {0})); }},
};

class Heads : public testing::TestWithParam<HeadCase> {
 protected:
  Heads() {
    head_.add_input({}, {5, 3, 2});
    GetParam().build(head_);
    for (float& value : map_) value = std::abs(value) + 0.1f;  // as behind a rectifier, and no kink is near
  }
  std::vector<double> output(const std::vector<float>& map) const { return HeadPass(head_, map).output(); }

  Graph head_;
  std::vector<float> map_ = normal_values(30, 4);
};

TEST_P(Heads, AreComputedAsTheReferenceDoes) {
  EXPECT_NO_THROW(require_differentiable(head_, "head"));
  const HeadPass pass(head_, map_);
  std::vector<test::Value> values{{head_.input().shape, {map_.begin(), map_.end()}}};
  for (NodeId id = 1; id < head_.nodes().size(); ++id) {
    test::reference::Inputs inputs;
    for (const NodeId input : head_.node(id).inputs) inputs.push_back(&values[input]);
    values.push_back(test::reference::compute(head_.node(id), inputs));
  }
  ASSERT_EQ(pass.output().size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(pass.output()[i], values.back().values[i], 1e-5);
}

TEST_P(Heads, HaveTheGradientThatDifferencesShow) {
  constexpr float kStep = 1.f / 512;
  double largest = 0;
  for (int64_t label = 0; label < 3; ++label) {
    const std::vector<double> gradient = HeadPass(head_, map_).gradient(label);
    ASSERT_EQ(gradient.size(), map_.size());
    for (size_t i = 0; i < map_.size(); ++i) {
      std::vector<float> more = map_, less = map_;
      more[i] += kStep;
      less[i] -= kStep;
      const double width = static_cast<double>(more[i]) - less[i];
      const double slope =
          (output(more)[static_cast<size_t>(label)] - output(less)[static_cast<size_t>(label)]) / width;
      EXPECT_NEAR(gradient[i], slope, 1e-3 * std::max(1.0, std::abs(slope)));
      largest = std::max(largest, std::abs(gradient[i] - slope));
    }
  }
  std::cout << GetParam().name << ": largest difference " << largest << "\n";
}

TEST(HeadPass, FindsNothingInAChannelThatIsZeroThoughItsRootHasNoSlope) {
  Graph head;
  head.add_input({}, {2, 1, 2});
  const NodeId mean = head.add(ops::Mean{}, {head.add(ops::Power{2}, {0})});
  add_dense(head, head.add(ops::Reshape{{2}}, {head.add(ops::Power{0.5}, {mean})}), Array({1, 2}, {3, 5}), {}, "fc");
  // 3·√((9 + 16) / 2): each place has 3 · x / 2 / √(25 / 2).
  const double root = std::sqrt(12.5);
  EXPECT_THAT(HeadPass(head, std::vector<float>{3, 4, 0, 0}).gradient(0),
              ElementsAre(testing::DoubleNear(4.5 / root, 1e-9), testing::DoubleNear(6 / root, 1e-9), 0, 0));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Heads, testing::ValuesIn(kHeads));

TEST(SplitNetwork, EndsTheTrunkBeforeThePoolingOfEveryKind) {
  for (const HeadCase& kind : kHeads) {
    Graph graph;
    const NodeId image = graph.add_input({}, {3, 3, 2});
    const NodeId map = graph.add(
        ops::Clamp{0, 6},  // a rectifier that is no part of the pooling
        {graph.add(ops::Convolution{.weight = weights({5, 3, 1, 1}, 1), .bias = {}, .padding = {}}, {image}, "last")},
        "map");
    Graph head;
    head.add_input({}, {5, 3, 2});
    kind.build(head);
    std::vector<NodeId> moved{map};
    for (NodeId id = 1; id < head.nodes().size(); ++id) {
      std::vector<NodeId> inputs;
      for (const NodeId input : head.node(id).inputs) inputs.push_back(moved[input]);
      moved.push_back(copy_node(graph, head.node(id), inputs));
    }
    const SplitNetwork split = split_network(graph, "network");
    EXPECT_EQ(split.trunk.output().name, "map") << kind.name;
    EXPECT_EQ(split.head.nodes().size(), head.nodes().size()) << kind.name;
    const bool flat = std::string(kind.name).starts_with("flattened");
    EXPECT_EQ(split.method, flat ? ActivationMethod::kHiResCam : ActivationMethod::kGradCam) << kind.name;
  }
}

TEST(SplitNetwork, RefusesNetworksThatEndOtherwiseNamingWhatStandsThere) {
  Graph convolutional;  // its last filter covers the whole map
  NodeId node = convolutional.add_input({}, {3, 2, 2});
  node = convolutional.add(ops::Convolution{.weight = weights({2, 3, 2, 2}, 1), .bias = {}, .padding = {}}, {node},
                           "last");
  convolutional.add(ops::Reshape{{2}}, {node});
  EXPECT_THAT(error_of<InputError>([&] { split_network(convolutional, "model.file"); }),
              AllOf(HasSubstr("model.file"), HasSubstr("'last' (Convolution)"), HasSubstr("pooled or flattened")));

  Graph pooled;  // by something else than a mean
  node = pooled.add_input({}, {3, 2, 2});
  node = pooled.add(ops::MaxPool{2, 2, {}}, {node}, "strongest");
  add_dense(pooled, pooled.add(ops::Reshape{{3}}, {node}), weights({2, 3}, 2), {}, "fc");
  EXPECT_THAT(error_of<InputError>([&] { split_network(pooled, "model.file"); }), HasSubstr("'strongest' (MaxPool)"));

  Graph two_ways;  // logits see an earlier map too
  const NodeId image = two_ways.add_input({}, {3, 2, 2});
  const NodeId mean = two_ways.add(ops::Mean{}, {two_ways.add(ops::Relu{}, {image}, "map")});
  const NodeId other = two_ways.add(ops::Mean{}, {image});
  node = two_ways.add(ops::Add{}, {mean, other}, "both");
  add_dense(two_ways, two_ways.add(ops::Reshape{{3}}, {node}), weights({2, 3}, 2), {}, "fc");
  EXPECT_THAT(error_of<InputError>([&] { split_network(two_ways, "model.file"); }), HasSubstr("'both' (Add)"));
}

class SmallNetworks : public testing::TestWithParam<test::SmallNetworkOptions> {
 protected:
  void SetUp() override { ASSEMBLE_NEEDS_OPENVINO(); }
  static Images images(const std::vector<float>& values) { return {1, 32, 32, values.data()}; }
  std::vector<float> noise_ = normal_values(32 * 32 * 3, 2);
};

TEST_P(SmallNetworks, AreTakenApartAndComputeTheSame) {
  const Graph graph = test::SmallNetwork(GetParam()).graph();
  ActivationMapper mapper(graph, "small");
  const Activations seen = mapper.run(images(noise_));
  const Matrix expected = test::interpret(graph, images(noise_));
  for (int64_t i = 0; i < expected.columns; ++i) {
    EXPECT_NEAR(seen.logits[static_cast<size_t>(i)], expected.row(0)[static_cast<size_t>(i)], 1e-4);
  }
  // Behind a mean and one dense layer the places of a class add up to its logit without the bias.
  if (GetParam().gem || GetParam().embedding > 0) return;
  test::SmallNetwork network(GetParam());
  const std::vector<float> bias = network.weight("fc.bias");
  for (int64_t label = 0; label < expected.columns; ++label) {
    const auto place = static_cast<size_t>(label);
    const std::vector<double> gradient = HeadPass(split_network(graph, "").head, seen.map).gradient(label);
    double sum = 0;
    for (size_t i = 0; i < gradient.size(); ++i) sum += gradient[i] * seen.map[i];
    EXPECT_NEAR(sum, seen.logits[place] - bias[place], 1e-4);
  }
}

TEST_P(SmallNetworks, TellHowASelectiveKernelWeighsItsHalves) {
  const Graph graph = test::SmallNetwork(GetParam()).graph();
  ActivationMapper mapper(graph, "small");
  EXPECT_THAT(mapper.blocks(), ElementsAre("layer1.conv2"));
  const std::vector<test::Value> values = test::interpret_nodes(graph, images(noise_), 0);
  double mean = 0, count = 0;
  for (NodeId id = 0; id < graph.nodes().size(); ++id) {
    if (!graph.node(id).as<ops::Mix>()) continue;
    for (const double weight : values[graph.node(id).inputs[2]].values) mean += weight, ++count;
  }
  const Activations seen = mapper.run(images(noise_));
  ASSERT_EQ(seen.first_halves.size(), 1u);
  EXPECT_NEAR(seen.first_halves[0], mean / count, 1e-5);
  EXPECT_GT(std::abs(mean / count - 0.5), 1e-3) << "the halves differ";
}

INSTANTIATE_TEST_SUITE_P(Heads, SmallNetworks,
                         testing::Values(test::SmallNetworkOptions{}, test::SmallNetworkOptions{.embedding = 6},
                                         test::SmallNetworkOptions{.gem = true}),
                         [](const auto& info) { return concat("Case", info.index); });

TEST(MappedModel, ComesFromAModelFileAtAnySizeThatItTakes) {
  ASSEMBLE_NEEDS_OPENVINO();
  const test::TemporaryFolder folder;
  test::SmallNetwork network;
  network.save(folder / "model.safetensors");
  EXPECT_EQ(open_activation_mapper(folder / "model.safetensors").mapper.image_size(), 32);
  MappedModel larger = open_activation_mapper(folder / "model.safetensors", 48);
  const std::vector<float> noise = normal_values(48 * 48 * 3, 1);
  const ClassActivation activation = larger.mapper.of_class(larger.mapper.run({1, 48, 48, noise.data()}), 1);
  EXPECT_EQ(activation.height, 6);
  EXPECT_EQ(activation.values.size(), 36u);
}

}  // namespace
}  // namespace assemble
