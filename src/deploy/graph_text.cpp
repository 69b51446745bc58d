// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/graph_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/json.h"
#include "assemble/core/overloaded.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

constexpr std::array kPadModes{std::pair{ops::PadMode::kReflect, "reflect"}, std::pair{ops::PadMode::kEdge, "edge"},
                               std::pair{ops::PadMode::kZero, "zero"}};

using nlohmann::json;

constexpr int kVersion = 1;
constexpr size_t kMostNodes = 1 << 14;
constexpr int64_t kMostChannels = int64_t{1} << 20;  // of a filter that is the same for all
constexpr int64_t kLargestFilter = 1024;             // values
constexpr double kLeastSquare = 1e-12;               // of a row that is brought to length one
constexpr int64_t kMostRepeated = int64_t{1} << 24;  // values of all such filters of a graph together

json padding_json(const Padding& p) { return {p.top, p.left, p.bottom, p.right}; }

/// One filter for all channels, and how many those are.
json repeated_json(const Array& weight, const std::string& node) {
  const std::span<const float> first = weight.row(0);
  for (int64_t c = 1; c < weight.size(0); ++c) {
    if (!std::ranges::equal(weight.row(c), first)) {
      throw UsageError(concat("graph node '", node, "'"), "has weights that are neither a parameter nor a buffer",
                       "register them in the network's module");
    }
  }
  return {{"filter", std::vector<float>(first.begin(), first.end())}, {"channels", weight.size(0)}};
}

/// Each row at length one. An outline, which has no values, stays one.
Array unit_rows(const Array& weight) {
  if (weight.data() == nullptr) return weight;
  std::vector<float> values;
  values.reserve(weight.values().size());
  for (int64_t row = 0; row < weight.size(0); ++row) {
    double squares = 0;
    for (const float value : weight.row(row)) squares += static_cast<double>(value) * value;
    const double inverse = 1 / std::sqrt(std::max(squares, kLeastSquare));
    for (const float value : weight.row(row)) values.push_back(static_cast<float>(value * inverse));
  }
  return Array(weight.shape(), std::move(values));
}

class Writer {
 public:
  explicit Writer(const WeightNames& names) : names_(names) {}

  json operator()(const Node& node) const {
    json entry = std::visit([&](const auto& op) { return write(op, node.name); }, node.op);
    entry["op"] = op_name(node.op);
    entry["name"] = node.name;
    entry["inputs"] = node.inputs;
    return entry;
  }

 private:
  json weight(const Array& values, const std::string& node) const {
    const auto named = names_.find(values.data());
    if (named == names_.end()) return repeated_json(values, node);
    const auto& [tensor, unit_rows] = named->second;
    return unit_rows ? json{{"unit_rows", tensor}} : json(tensor);
  }

  json write(const ops::Convolution& conv, const std::string& node) const {
    if (conv.relu || conv.quantised) throw optimised(node);
    json entry{{"weight", weight(conv.weight, node)},
               {"stride", conv.stride},
               {"groups", conv.groups},
               {"padding", padding_json(conv.padding)}};
    if (conv.bias.defined()) entry["bias"] = weight(conv.bias, node);
    return entry;
  }
  json write(const ops::BatchNorm& norm, const std::string& node) const {
    return {{"weight", weight(norm.weight, node)},
            {"bias", weight(norm.bias, node)},
            {"mean", weight(norm.mean, node)},
            {"variance", weight(norm.variance, node)},
            {"epsilon", norm.epsilon}};
  }
  json write(const ops::MaxPool& pool, const std::string&) const {
    return {{"kernel", pool.kernel},
            {"stride", pool.stride},
            {"padding", padding_json(pool.padding)},
            {"ceil_mode", pool.ceil_mode}};
  }
  json write(const ops::AveragePool& pool, const std::string&) const {
    return {{"kernel", pool.kernel},
            {"stride", pool.stride},
            {"padding", padding_json(pool.padding)},
            {"count_padding", pool.count_padding},
            {"ceil_mode", pool.ceil_mode}};
  }
  json write(const ops::Pad& pad, const std::string&) const {
    const auto mode = std::ranges::find(kPadModes, pad.mode, &std::pair<ops::PadMode, const char*>::first);
    return {{"padding", padding_json(pad.padding)}, {"mode", mode->second}};
  }
  json write(const ops::Clamp& clamp, const std::string&) const { return {{"min", clamp.min}, {"max", clamp.max}}; }
  json write(const ops::Power& power, const std::string&) const { return {{"exponent", power.exponent}}; }
  json write(const ops::Scale& scale, const std::string&) const { return {{"factor", scale.factor}}; }
  json write(const ops::Slice& slice, const std::string&) const {
    json entry{{"dimension", slice.dimension}, {"begin", slice.begin}, {"step", slice.step}};
    if (slice.end != ops::Slice::kToEnd) entry["end"] = slice.end;
    return entry;
  }
  json write(const ops::Transpose& transpose, const std::string&) const { return {{"order", transpose.order}}; }
  json write(const ops::Reshape& reshape, const std::string&) const { return {{"sizes", reshape.sizes}}; }
  template <typename Plain>
  requires std::is_empty_v<Plain> json write(const Plain&, const std::string&)
  const { return json::object(); }
  json write(const ops::Add& add, const std::string& node) const {
    if (add.relu) throw optimised(node);
    return json::object();
  }
  json write(const ops::Input&, const std::string& node) const { throw optimised(node); }
  json write(const ops::Normalise&, const std::string& node) const { throw optimised(node); }
  json write(const ops::UpsampleAdd&, const std::string& node) const { throw optimised(node); }
  json write(const ops::Quantise&, const std::string& node) const { throw optimised(node); }
  json write(const ops::Embedding&, const std::string& node) const { throw optimised(node); }

  static UsageError optimised(const std::string& node) {
    return UsageError(concat("graph node '", node, "'"), "is of no traced graph", "store graphs as trace() gives them");
  }

  const WeightNames& names_;
};

/// JSON gives fractions and numbers beyond the type as whole numbers too.
int64_t integer(const json& value) {
  if (value.is_number_integer()) return value.get<int64_t>();
  throw InputError("", concat(value.dump(), " where a whole number is expected"));
}

std::vector<int64_t> integers(const json& values) {
  if (!values.is_array()) throw InputError("", concat(values.dump(), " where a list is expected"));
  std::vector<int64_t> read;
  std::ranges::transform(values, std::back_inserter(read), integer);
  return read;
}

double number(const json& value) {
  if (value.is_number()) return value.get<double>();
  throw InputError("", concat(value.dump(), " where a number is expected"));
}

class Reader {
 public:
  explicit Reader(const FindWeight& find) : find_(find) {}

  Op operator()(const json& entry) {
    const auto name = entry.at("op").get<std::string>();
    const auto maker = makers().find(name);
    if (maker == makers().end()) {
      throw InputError("", concat("operation '", name, "' is unknown"), "was it written by a newer version?");
    }
    return (this->*maker->second)(entry);
  }

 private:
  using Make = Op (Reader::*)(const json&);

  static Padding padding(const json& entry) {
    const std::vector<int64_t> sides = integers(entry.at("padding"));
    if (sides.size() != 4) throw InputError("", concat("padding of ", sides.size(), " sides"));
    return {sides[0], sides[1], sides[2], sides[3]};
  }

  Array weight(const json& value) {
    if (value.is_string()) return find_(value.get<std::string>());
    if (value.contains("unit_rows")) return unit_rows(find_(value.at("unit_rows").get<std::string>()));
    const auto filter = value.at("filter").get<std::vector<float>>();
    const int64_t channels = integer(value.at("channels"));
    const auto taps = static_cast<int64_t>(filter.size());
    auto side = static_cast<int64_t>(1);
    while (side * side < taps) ++side;
    const bool fits = taps >= 1 && taps <= kLargestFilter && side * side == taps && channels >= 1 &&
                      channels <= kMostChannels && repeated_ + channels * taps <= kMostRepeated;
    if (!fits) throw InputError("", concat("a filter of ", taps, " values for ", channels, " channels"));
    if (!all_finite(filter)) {
      throw InputError("", "a filter whose values are not finite");
    }
    repeated_ += channels * taps;
    std::vector<float> values;
    for (int64_t c = 0; c < channels; ++c) values.insert(values.end(), filter.begin(), filter.end());
    return Array({channels, 1, side, side}, std::move(values));
  }

  Op convolution(const json& entry) {
    Array values = weight(entry.at("weight"));
    if (values.shape().size() == 2) values = values.reshaped({values.size(0), values.size(1), 1, 1});  // a dense layer
    return ops::Convolution{.weight = values,
                            .bias = entry.contains("bias") ? weight(entry.at("bias")) : Array(),
                            .stride = integer(entry.at("stride")),
                            .groups = integer(entry.at("groups")),
                            .padding = padding(entry)};
  }
  Op batch_norm(const json& entry) {
    return ops::BatchNorm{weight(entry.at("weight")), weight(entry.at("bias")), weight(entry.at("mean")),
                          weight(entry.at("variance")), number(entry.at("epsilon"))};
  }
  Op max_pool(const json& entry) {
    return ops::MaxPool{integer(entry.at("kernel")), integer(entry.at("stride")), padding(entry),
                        entry.at("ceil_mode")};
  }
  Op average_pool(const json& entry) {
    return ops::AveragePool{integer(entry.at("kernel")), integer(entry.at("stride")), padding(entry),
                            entry.at("count_padding"), entry.at("ceil_mode")};
  }
  Op pad(const json& entry) {
    const auto mode = entry.at("mode").get<std::string>();
    for (const auto& [kind, name] : kPadModes) {
      if (mode == name) return ops::Pad{padding(entry), kind};
    }
    throw InputError("", concat("padding of mode '", mode, "'"));
  }
  Op clamp(const json& entry) { return ops::Clamp{number(entry.at("min")), number(entry.at("max"))}; }
  Op power(const json& entry) { return ops::Power{number(entry.at("exponent"))}; }
  Op scale(const json& entry) { return ops::Scale{number(entry.at("factor"))}; }
  Op slice(const json& entry) {
    const int64_t end = entry.contains("end") ? integer(entry.at("end")) : ops::Slice::kToEnd;
    return ops::Slice{integer(entry.at("dimension")), integer(entry.at("begin")), end, integer(entry.at("step"))};
  }
  Op transpose(const json& entry) { return ops::Transpose{integers(entry.at("order"))}; }
  Op reshape(const json& entry) { return ops::Reshape{integers(entry.at("sizes"))}; }
  template <typename Plain>
  Op plain(const json&) {
    return Plain{};
  }

  static const std::map<std::string, Make>& makers() {
    static const std::map<std::string, Make> all{{"Convolution", &Reader::convolution},
                                                 {"BatchNorm", &Reader::batch_norm},
                                                 {"Relu", &Reader::plain<ops::Relu>},
                                                 {"Sigmoid", &Reader::plain<ops::Sigmoid>},
                                                 {"Add", &Reader::plain<ops::Add>},
                                                 {"Subtract", &Reader::plain<ops::Subtract>},
                                                 {"Multiply", &Reader::plain<ops::Multiply>},
                                                 {"Mix", &Reader::plain<ops::Mix>},
                                                 {"MaxPool", &Reader::max_pool},
                                                 {"AveragePool", &Reader::average_pool},
                                                 {"Pad", &Reader::pad},
                                                 {"Mean", &Reader::plain<ops::Mean>},
                                                 {"Sum", &Reader::plain<ops::Sum>},
                                                 {"Clamp", &Reader::clamp},
                                                 {"Power", &Reader::power},
                                                 {"Scale", &Reader::scale},
                                                 {"Upsample", &Reader::plain<ops::Upsample>},
                                                 {"Slice", &Reader::slice},
                                                 {"Transpose", &Reader::transpose},
                                                 {"Reshape", &Reader::reshape}};
    return all;
  }

  const FindWeight& find_;
  int64_t repeated_ = 0;
};

std::vector<NodeId> node_ids(const json& values) {
  std::vector<NodeId> ids;
  std::ranges::transform(integers(values), std::back_inserter(ids), [](int64_t id) { return static_cast<NodeId>(id); });
  return ids;
}

StoredGraph read(const json& text, const FindWeight& find) {
  if (text.at("version") != kVersion) {
    throw InputError("", concat("version ", text.at("version").dump(), ", this program reads ", kVersion),
                     "use the version of assemble that wrote it");
  }
  StoredGraph stored{{}, integer(text.at("size_step")), integer(text.at("size_multiple"))};
  const std::vector<int64_t> shape = integers(text.at("input"));
  if (stored.size_step < 0 || stored.size_multiple < 1 || shape.size() != 3 || shape[0] != Images::kChannels) {
    throw InputError("", concat("an input of shape ", show_shape(shape)));
  }
  stored.graph.add_input({}, shape);
  Reader read_op(find);
  const json& nodes = text.at("nodes");
  if (!nodes.is_array() || nodes.size() > kMostNodes)
    throw InputError("", concat("a graph of ", nodes.size(), " nodes"));
  for (const json& entry : nodes) {
    const auto name = entry.at("name").get<std::string>();
    const NodeId added = stored.graph.add(read_op(entry), node_ids(entry.at("inputs")), name);
    if (stored.graph.node(added).name != name) throw InputError("", concat("node '", name, "' is there twice"));
  }
  if (stored.graph.output().shape.size() != 1) throw InputError("", "its last node gives no logits [N, classes]");
  return stored;
}

}  // namespace

std::string to_text(const StoredGraph& stored, const WeightNames& names) {
  json nodes = json::array();
  const Writer write(names);
  const std::vector<Node>& all = stored.graph.nodes();
  std::transform(all.begin() + 1, all.end(), std::back_inserter(nodes), write);
  return json{{"version", kVersion},
              {"size_step", stored.size_step},
              {"size_multiple", stored.size_multiple},
              {"input", stored.graph.input().shape},
              {"nodes", nodes}}
      .dump();
}

StoredGraph graph_from_text(const std::string& text, const FindWeight& find, const std::string& where) {
  const std::string place = concat(where, " metadata 'graph'");
  try {
    return read(json::parse(text), find);
  } catch (const json::exception& error) {
    throw InputError(place, json_problem(error), "the file is damaged");
  } catch (const UsageError& error) {
    throw InputError(place, error.what(), "the file is damaged");
  } catch (const InputError& error) {
    throw InputError(place, error.what(), "the file is damaged");
  }
}

}  // namespace assemble
