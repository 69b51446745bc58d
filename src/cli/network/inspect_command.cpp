// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/deploy/engine.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/io/safetensors.h"
#include "common/commands.h"
#include "common/flags.h"
#include "common/foreign_options.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

std::string shown_dims(const std::vector<int64_t>& dims) {
  std::vector<std::string> parts;
  parts.reserve(dims.size());
  for (const int64_t dim : dims) parts.push_back(dim < 0 ? "?" : std::to_string(dim));
  return concat("[", join(parts, ", "), "]");
}

std::string shown_type(OnnxType type) {
  static const std::map<int, const char*> names{{0, "?"},        {1, "float32"},  {2, "uint8"},    {3, "int8"},
                                                {6, "int32"},    {7, "int64"},    {8, "text"},     {9, "bool"},
                                                {10, "float16"}, {11, "float64"}, {16, "bfloat16"}};
  const auto found = names.find(static_cast<int>(type));
  return found == names.end() ? concat("type ", static_cast<int>(type)) : found->second;
}

ordered_json values_to_json(const std::vector<OnnxValue>& values) {
  ordered_json list = ordered_json::array();
  for (const OnnxValue& value : values) {
    list.push_back({{"name", value.name}, {"type", shown_type(value.type)}, {"dims", value.dims}});
  }
  return list;
}

std::string values_to_text(const std::vector<OnnxValue>& values) {
  std::vector<std::string> parts;
  parts.reserve(values.size());
  for (const OnnxValue& value : values) {
    parts.push_back(concat(value.name, " ", shown_dims(value.dims), " ", shown_type(value.type)));
  }
  return join(parts, "; ");
}

/// How often each operator is there, most often first.
std::vector<std::pair<std::string, int64_t>> operator_counts(const std::vector<OnnxOperation>& nodes) {
  std::map<std::string, int64_t> counts;
  for (const OnnxOperation& node : nodes) ++counts[node.type];
  std::vector<std::pair<std::string, int64_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, std::greater<>(), &std::pair<std::string, int64_t>::second);
  return sorted;
}

class ModelInspectCommand : public Subcommand {
 public:
  ModelInspectCommand() : Subcommand("inspect", "Say what a file with a network holds, and how it would be used") {}

  std::string purpose() const override {
    return "Says what is in a model file, or in an .onnx or .xml file of any program: inputs, outputs, operators, "
           "classes, how images are made for it. Of a network that another program wrote it says what was guessed and "
           "what has to be said, and --toml writes all of it as the file to keep beside it.";
  }
  std::vector<Example> examples() const override {
    return {{"What is in a file", "assemble inspect network.onnx"},
            {"Keep how it is used beside it", "assemble inspect network.onnx --input-crop squash --toml"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("model", model_, "Model file, or .onnx or .xml file of any program")->required();
    app.add_flag("--toml", toml_, "Print what is said and guessed of another program's network as a .toml file");
    declare_foreign(app, foreign_);
  }

  void run() override {
    const fs::path file(model_);
    add("file", "file", model_);
    if (!fs::exists(file)) throw InputError(model_, "is not there", "check the path");
    const bool graph_file = file.extension() == ".onnx" || file.extension() == ".xml";
    if (is_foreign(file)) return inspect_foreign(file);
    if (toml_) throw UsageError("--toml", concat("is for networks of other programs; ", model_, " says all itself"));
    add("kind", "kind", graph_file ? "network of assemble export" : "model file of assemble");
    add_size({file});
    if (graph_file) {
      add_interface(file);
    } else {
      add_weights(SafetensorsFile(file));
    }
    add_card(card_of_network(file));
    finish();
  }

 private:
  void inspect_foreign(const fs::path& file) {
    std::vector<fs::path> parts{file};
    if (file.extension() == ".xml") {
      parts.push_back(fs::path(file).replace_extension(".bin"));
    } else {
      for (const std::string& name : read_onnx_external_files(file)) parts.push_back(file.parent_path() / name);
    }
    add("kind", "kind", "network of another program");
    add_size(parts);
    add_interface(file);
    const fs::path beside = foreign_options_file(file);
    if (fs::exists(beside)) add("options_file", "options", beside.string());
    try {
      const ForeignModel model = read_foreign(file, foreign_);
      if (toml_) return output().print_text(model.options.to_toml(fs::absolute(beside).parent_path()));
      add("used_as", "used as", model.description);
      for (const std::string& guess : model.guesses) {
        json_["guesses"].push_back(guess);
        rows_.push_back({"guessed", guess});
      }
      add_card(model.card);
    } catch (const InputError& error) {
      if (toml_) throw;
      add("cannot_be_used", "cannot be used", with_flags(app(), error.what()));
    }
    finish();
  }

  void add(const char* key, const char* label, const std::string& text) {
    json_[key] = text;
    rows_.push_back({label, text});
  }

  void add_size(const std::vector<fs::path>& parts) {
    std::vector<std::string> others;
    uintmax_t bytes = 0;
    for (const fs::path& part : parts) {
      if (!fs::exists(part)) throw InputError(part.string(), concat("is not there, and holds weights of ", model_));
      bytes += fs::file_size(part);
      if (part != parts.front()) others.push_back(part.filename().string());
    }
    json_["bytes"] = bytes;
    const auto size = static_cast<double>(bytes);
    rows_.push_back({"size", size < 1e6 ? format_number(size / 1e3, 1) + " kB" : format_number(size / 1e6, 2) + " MB"});
    if (!others.empty()) {
      json_["weights_in"] = others;
      rows_.push_back({"weights in", join(others, ", ")});
    }
  }

  void add_interface(const fs::path& file) {
    const OnnxInterface interface = read_foreign_interface(file);
    add("producer", "written by", interface.producer.empty() ? "?" : interface.producer);
    if (interface.opset > 0) {
      json_["opset"] = interface.opset;
      rows_.push_back({"operator set", concat(interface.opset)});
    }
    json_["inputs"] = values_to_json(interface.inputs);
    rows_.push_back({"inputs", values_to_text(interface.inputs)});
    json_["outputs"] = values_to_json(interface.outputs);
    rows_.push_back({"outputs", values_to_text(interface.outputs)});
    std::vector<std::string> counts;
    json_["operators"] = ordered_json::object();
    for (const auto& [type, count] : operator_counts(interface.nodes)) {
      json_["operators"][type] = count;
      counts.push_back(concat(type, " ", count));
    }
    rows_.push_back({"operators", join(counts, ", ")});
  }

  void add_weights(const SafetensorsFile& file) {
    int64_t values = 0;
    for (const auto& [name, entry] : file.tensors()) {
      int64_t count = 1;
      for (const int64_t side : entry.shape) count *= side;
      values += count;
    }
    json_["tensors"] = file.tensors().size();
    json_["values"] = values;
    rows_.push_back({"weights", concat(file.tensors().size(), " tensors of ",
                                       format_number(static_cast<double>(values) / 1e6, 2), " million values")});
  }

  void add_card(const ModelCard& card) {
    constexpr size_t kShown = 5;
    add("arch", "arch", card.arch);
    json_["classes"] = card.class_names;
    const bool all = card.class_names.size() <= kShown;
    std::vector<std::string> names = card.class_names;
    names.resize(std::min(kShown, names.size()));
    if (!names.empty()) {
      rows_.push_back({"classes", concat(card.class_names.size(), ": ", join(names, ", "), all ? "" : ", …")});
    }
    json_["preprocessing"] = ordered_json::parse(card.preprocessing.to_json());
    rows_.push_back({"preprocessing", card.preprocessing.to_json()});
    add("loss", "loss", kLossTypes.name(card.loss));
    json_["training"] = card.training;
    for (const auto& [key, value] : card.training) {
      if (key != kForeignKey) rows_.push_back({"training: " + key, value});
    }
  }

  void finish() {
    std::string text;
    size_t width = 0;
    for (const auto& row : rows_) width = std::max(width, row[0].size());
    for (const auto& row : rows_) text += concat(row[0], std::string(width - row[0].size() + 2, ' '), row[1], "\n");
    print(json_, text);
  }

  std::string model_;
  bool toml_ = false;
  ForeignModelOptions foreign_;
  ordered_json json_;
  std::vector<std::array<std::string, 2>> rows_;
};

}  // namespace

std::unique_ptr<Subcommand> make_model_inspect_command() { return std::make_unique<ModelInspectCommand>(); }

}  // namespace assemble::cli
