// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/graph_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/deploy/benchmark.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::error_of;
using test::SmallNetwork;
using testing::HasSubstr;

/// Tensors of a file: those that `names` holds, by name.
FindWeight weights_of(const Graph& graph, const WeightNames& names) {
  std::map<std::string, Array> tensors;
  const auto keep = [&](const Array& array) {
    if (const auto named = names.find(array.data()); named != names.end()) tensors[named->second.tensor] = array;
  };
  for (const Node& node : graph.nodes()) {
    if (const auto* conv = node.as<ops::Convolution>()) keep(conv->weight), keep(conv->bias);
    if (const auto* norm = node.as<ops::BatchNorm>()) {
      for (const Array& values : {norm->weight, norm->bias, norm->mean, norm->variance}) keep(values);
    }
  }
  return [tensors](const std::string& name) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw InputError("model", concat("has no tensor '", name, "'"));
    return found->second;
  };
}

TEST(GraphText, SurvivesARoundTrip) {
  for (const test::SmallNetworkOptions& options :
       {test::SmallNetworkOptions{}, {.side = 48, .gem = true}, {.classes = 1, .embedding = 5}}) {
    const SmallNetwork::Traced traced = SmallNetwork(options).trace();
    const Graph& graph = traced.stored.graph;
    const std::string text = to_text(traced.stored, traced.names);
    const StoredGraph read = graph_from_text(text, weights_of(graph, traced.names), "model");
    EXPECT_EQ(read.size_step, test::SmallNetwork::kSizeMultiple);
    EXPECT_EQ(read.size_multiple, 16);
    ASSERT_EQ(read.graph.nodes().size(), graph.nodes().size());
    for (NodeId id = 0; id < graph.nodes().size(); ++id) {
      const Node &a = read.graph.node(id), &b = graph.node(id);
      EXPECT_EQ(a.op.index(), b.op.index()) << b.name;
      EXPECT_EQ(a.name, b.name);
      EXPECT_EQ(a.inputs, b.inputs) << b.name;
      EXPECT_EQ(a.shape, b.shape) << b.name;
    }
    WeightNames names = traced.names;  // what is written out of blurs has other addresses, and no name in either
    EXPECT_EQ(to_text(read, names), text);
    const RandomImages images(2, options.side, 1);
    EXPECT_TRUE(test::same(test::interpret(read.graph, images.view()), test::interpret(graph, images.view())));
  }
}

TEST(GraphText, KeepsThatRowsHaveLengthOne) {
  Graph graph;
  const Array weight({2, 3, 1, 1}, {3, 4, 0, 0, 0, 0}), unit({2, 3, 1, 1}, {0.6f, 0.8f, 0, 0, 0, 0});
  const NodeId mean = graph.add(ops::Mean{}, {graph.add_input({}, {3, 4, 4})});
  const NodeId dense = graph.add(ops::Convolution{.weight = unit, .bias = {}, .padding = {}}, {mean}, "fc");
  graph.add(ops::Reshape{{2}}, {dense});
  const std::string text = to_text({graph, 0, 1}, {{unit.data(), {"fc.weight", true}}});
  const StoredGraph read = graph_from_text(
      text, [&](const std::string& name) { return name == "fc.weight" ? weight : Array(); }, "model");
  EXPECT_THAT(read.graph.node(2).as<ops::Convolution>()->weight.values(), testing::ElementsAreArray(unit.values()));
}

/// Operations whose settings the network above does not use.
TEST(GraphText, KeepsEverySetting) {
  Graph graph;
  NodeId node = graph.add_input({}, {3, 12, 10});
  node = graph.add(ops::MaxPool{3, 2, {1, 0, 0, 0}, true}, {node});
  node = graph.add(ops::AveragePool{2, 1, {0, 1, 0, 1}, false, false}, {node});
  node = graph.add(ops::Pad{{1, 2, 0, 1}, ops::PadMode::kEdge}, {node});
  node = graph.add(ops::Pad{{0, 0, 1, 1}, ops::PadMode::kZero}, {node});
  node = graph.add(ops::Clamp{-0.1, 1e30}, {node});
  node = graph.add(ops::Scale{1.0 / 3}, {node});
  node = graph.add(ops::Slice{2, 1, ops::Slice::kToEnd, 2}, {node});
  node = graph.add(ops::Transpose{{0, 1, 3, 2}}, {node});
  node = graph.add(ops::Sum{}, {node}, "nämé \"quoted\"");
  graph.add(ops::Reshape{{3}}, {node});
  const StoredGraph stored{graph, false, 7};
  const std::string text = to_text(stored, {});
  const StoredGraph read = graph_from_text(text, weights_of(graph, {}), "model");
  EXPECT_EQ(to_text(read, {}), text);
  EXPECT_EQ(read.size_step, 0);
  EXPECT_EQ(read.size_multiple, 7);
  const std::vector<float> pixels = test::normal_values(12 * 10 * 3, 1);
  const Images images{1, 12, 10, pixels.data()};
  EXPECT_TRUE(test::same(test::interpret(read.graph, images), test::interpret(graph, images)));
}

TEST(GraphText, RefusesToWriteWhatNoTraceGives) {
  const auto written = [](const std::function<void(Graph&, NodeId)>& add) {
    Graph graph;
    add(graph, graph.add_input({}, {3, 4, 4}));
    return error_of<UsageError>([&] { to_text({graph}, {}); });
  };
  const auto of_traced = [&](const std::function<void(Graph&, NodeId)>& add) {
    EXPECT_THAT(written(add), HasSubstr("is of no traced graph"));
  };
  of_traced([](Graph& g, NodeId in) { g.add(ops::Quantise{}, {in}); });
  of_traced([](Graph& g, NodeId in) { g.add(ops::Add{true}, {in, in}); });
  of_traced([](Graph& g, NodeId in) { g.add(ops::UpsampleAdd{}, {in, g.add(ops::Upsample{}, {in})}); });
  const auto convolution = [](bool relu, std::vector<float> weight) {
    return ops::Convolution{
        .weight = Array({3, 1, 1, 1}, std::move(weight)), .bias = {}, .groups = 3, .padding = {}, .relu = relu};
  };
  of_traced([&](Graph& g, NodeId in) { g.add(convolution(true, {1, 1, 1}), {in}); });
  EXPECT_THAT(written([&](Graph& g, NodeId in) {
                g.add(convolution(false, {1, 2, 1}), {in}, "odd");
              }),
              HasSubstr("graph node 'odd': has weights that are neither a parameter nor a buffer"));
}

class DamagedGraphText : public testing::Test {
 protected:
  /// The error for the text after a change.
  std::string refused(const std::function<void(json& text)>& change) {
    json changed = json::parse(text_);
    change(changed);
    const std::string error = error_of<InputError>([&] { graph_from_text(changed.dump(), find_, "m.safetensors"); });
    EXPECT_THAT(error, HasSubstr("m.safetensors metadata 'graph'"));
    return error;
  }
  /// A node of some operation, in the text.
  static json& first(json& text, const std::string& op) {
    for (json& node : text["nodes"]) {
      if (node["op"] == op) return node;
    }
    throw std::logic_error(op);
  }

  SmallNetwork::Traced traced_ = SmallNetwork({.gem = true}).trace();
  std::string text_ = to_text(traced_.stored, traced_.names);
  FindWeight find_ = weights_of(traced_.stored.graph, traced_.names);
};

TEST_F(DamagedGraphText, IsNoJson) {
  for (const std::string& text : {std::string(), std::string("{"), std::string("[]"), std::string("null"),
                                  std::string("{}"), std::string("\"graph\""), text_.substr(0, text_.size() / 2),
                                  text_ + "}", std::string(100000, '['), std::string("\xff")}) {
    EXPECT_THROW(graph_from_text(text, find_, "m"), InputError) << text.substr(0, 20);
  }
}

TEST_F(DamagedGraphText, LacksAKeyOrHoldsAnotherKind) {
  const json whole = json::parse(text_);
  const std::vector<json> others{nullptr,       "text",         -1,   1e300,
                                 json::array(), json::object(), true, std::numeric_limits<uint64_t>::max()};
  int refusals = 0;
  for (const auto& [key, value] : whole.items()) {
    refused([&](json& text) { text.erase(key); });
    for (const json& other : others) {
      json changed = whole;
      changed[key] = other;
      try {  // some are sound: any size is a yes or no
        graph_from_text(changed.dump(), find_, "m");
      } catch (const InputError&) {
        ++refusals;
      }
    }
  }
  std::set<std::string> seen;
  for (size_t n = 0; n < whole["nodes"].size(); ++n) {
    if (!seen.insert(whole["nodes"][n]["op"]).second) continue;
    for (const auto& [key, value] : whole["nodes"][n].items()) {
      if (key != "end" && key != "bias") refused([&](json& text) { text["nodes"][n].erase(key); });
      for (const json& other : others) {
        json changed = whole;
        changed["nodes"][n][key] = other;
        try {
          graph_from_text(changed.dump(), find_, "m");
        } catch (const InputError&) {
          ++refusals;
        }
      }
    }
  }
  EXPECT_GT(refusals, 400);
}

TEST_F(DamagedGraphText, SaysWhatIsWrong) {
  EXPECT_THAT(refused([](json& t) { t["version"] = 2; }), HasSubstr("version 2, this program reads 1"));
  EXPECT_THAT(refused([](json& t) { t["nodes"][3]["op"] = "Softmax"; }), HasSubstr("operation 'Softmax' is unknown"));
  for (const char* op : {"Input", "Normalise", "Quantise", "UpsampleAdd"}) {
    EXPECT_THAT(refused([&](json& t) { t["nodes"][3]["op"] = op; }), HasSubstr("is unknown"));
  }
  EXPECT_THAT(refused([](json& t) { t["size_multiple"] = 0; }), HasSubstr("an input of shape"));
  for (const json& shape : std::vector<json>{{1, 32, 32}, {3, 32}, {3, 32, 32, 1}, json::array()}) {
    EXPECT_THAT(refused([&](json& t) { t["input"] = shape; }), HasSubstr("an input of shape"));
  }
  EXPECT_THAT(refused([](json& t) { t["input"] = {3, 0, 32}; }), HasSubstr("graph input"));
  EXPECT_THAT(refused([](json& t) { t["input"] = {3, 1 << 20, 1 << 20}; }), HasSubstr("graph input"));
  EXPECT_THAT(refused([](json& t) { t["input"] = {3, 32, 40}; }), HasSubstr("graph node 'Add"));
  EXPECT_THAT(refused([](json& t) { t["nodes"].erase(t["nodes"].size() - 1); }), HasSubstr("gives no logits"));
  EXPECT_THAT(refused([](json& t) { t["nodes"] = json::array(); }), HasSubstr("gives no logits"));
  EXPECT_THAT(refused([](json& t) { t["nodes"] = std::vector<json>((1 << 14) + 1, t["nodes"][2]); }),
              HasSubstr("a graph of 16385 nodes"));
}

TEST_F(DamagedGraphText, HasFractionsForWholeNumbers) {
  EXPECT_THAT(refused([](json& t) { first(t, "Convolution")["stride"] = 1.5; }), HasSubstr("1.5 where a whole number"));
  EXPECT_THAT(refused([](json& t) { first(t, "Reshape")["sizes"][0] = 16.0; }), HasSubstr("16.0 where a whole number"));
  EXPECT_THAT(refused([](json& t) { t["input"][1] = 32.5; }), HasSubstr("32.5 where a whole number"));
  EXPECT_THAT(refused([](json& t) { first(t, "BatchNorm")["epsilon"] = true; }), HasSubstr("true where a number"));
}

TEST_F(DamagedGraphText, HasANameTwice) {
  EXPECT_THAT(refused([](json& t) { t["nodes"][4]["name"] = t["nodes"][3]["name"]; }), HasSubstr("is there twice"));
  EXPECT_THAT(refused([](json& t) { t["nodes"][4]["name"] = "images"; }), HasSubstr("node 'images' is there twice"));
}

TEST_F(DamagedGraphText, HasOtherInputs) {
  for (const json& inputs : std::vector<json>{json::array(), {0, 0}, {5}, {1 << 30}, {-1}}) {
    refused([&](json& t) { t["nodes"][2]["inputs"] = inputs; });
  }
  EXPECT_THAT(refused([](json& t) { t["nodes"][2]["inputs"] = {3}; }), HasSubstr("reads a node that is not before it"));
}

TEST_F(DamagedGraphText, HasOtherWeights) {
  EXPECT_THAT(refused([](json& t) { first(t, "Convolution")["weight"] = "lost"; }), HasSubstr("no tensor 'lost'"));
  EXPECT_THAT(refused([](json& t) { first(t, "Convolution")["weight"] = "fc.weight"; }),
              HasSubstr("graph node 'conv1'"));
  EXPECT_THAT(refused([](json& t) { first(t, "Convolution")["weight"] = "fc.bias"; }), HasSubstr("are no filters"));
  EXPECT_THAT(refused([](json& t) { first(t, "Convolution")["bias"] = "fc.bias"; }), HasSubstr("a bias of 3 values"));
  EXPECT_THAT(refused([](json& t) { first(t, "BatchNorm")["mean"] = "fc.bias"; }), HasSubstr("other than 8 values"));
}

TEST_F(DamagedGraphText, HasFiltersThatAreNone) {
  const auto with = [&](const json& filter, const json& channels) {
    return refused([&](json& t) {
      json& blur = *std::ranges::find_if(
          t["nodes"], [](const json& node) { return node["op"] == "Convolution" && node["weight"].is_object(); });
      blur["weight"] = {{"filter", filter}, {"channels", channels}};
    });
  };
  const std::vector<float> nine(9, 0.1f);
  EXPECT_THAT(with(json::array(), 16), HasSubstr("a filter of 0 values"));
  EXPECT_THAT(with({1, 2, 3}, 16), HasSubstr("a filter of 3 values"));
  EXPECT_THAT(with(std::vector<float>(4096, 1), 16), HasSubstr("a filter of 4096 values"));
  EXPECT_THAT(with(nine, 0), HasSubstr("for 0 channels"));
  EXPECT_THAT(with(nine, -16), HasSubstr("for -16 channels"));
  EXPECT_THAT(with(nine, int64_t{1} << 40), HasSubstr("channels"));
  EXPECT_THAT(with(nine, 8), HasSubstr("do not take 16 channels"));
  EXPECT_THAT(with({1e300}, 16), HasSubstr("not finite"));
  with("filter", 16);
  with(nine, "16");
}

TEST_F(DamagedGraphText, WantsMoreMemoryForFiltersThanNetworksDo) {
  const std::string error = refused([](json& t) {
    json blur{{"op", "Convolution"},
              {"name", "blur"},
              {"inputs", {0}},
              {"stride", 1},
              {"groups", 1 << 20},
              {"padding", {0, 0, 0, 0}},
              {"weight", {{"filter", std::vector<float>(25, 0.04f)}, {"channels", 1 << 20}}}};
    t["nodes"].insert(t["nodes"].begin(), blur);
  });
  EXPECT_THAT(error, HasSubstr("a filter of 25 values for 1048576 channels"));
}

TEST_F(DamagedGraphText, HasHugeNumbers) {
  const std::vector<json> huge{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(), -1,
                               int64_t{1} << 40};
  for (const json& number : huge) {
    for (const char* key : {"stride", "groups"}) refused([&](json& t) { first(t, "Convolution")[key] = number; });
    for (const char* op : {"MaxPool", "AveragePool"}) {
      refused([&](json& t) { first(t, op)["kernel"] = number; });
      refused([&](json& t) {
        first(t, op)["stride"] = number;
        first(t, op)["ceil_mode"] = true;
      });
    }
    for (const char* op : {"Convolution", "MaxPool", "AveragePool", "Pad"}) {
      for (const size_t side : {0, 1, 2, 3}) refused([&](json& t) { first(t, op)["padding"][side] = number; });
    }
    for (const char* key : {"dimension", "begin"}) refused([&](json& t) { first(t, "Slice")[key] = number; });
    refused([&](json& t) { first(t, "Reshape")["sizes"] = {number}; });
    refused([&](json& t) { first(t, "Reshape")["sizes"] = {number, number}; });
  }
  refused([](json& t) { first(t, "Pad")["mode"] = "wrap"; });
  refused([](json& t) { first(t, "Pad")["padding"] = {1, 1, 1}; });
}

}  // namespace
}  // namespace assemble
