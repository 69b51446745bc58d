// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/models/classifier.h"
#include "assemble/models/model_file.h"
#include "common/numbers.h"
#include "torch/commands.h"

namespace assemble::cli {
namespace {

constexpr int64_t kDefaultClasses = 1000;
constexpr int64_t kDefaultImageSize = 224;

nlohmann::ordered_json to_json(const Preset& preset) {
  return {{"name", preset.name},
          {"arch", preset.arch},
          {"image_size", preset.image_size},
          {"description", preset.description}};
}

int64_t preset_size(const std::string& name) {
  const auto found = std::find_if(presets().begin(), presets().end(),
                                  [&](const Preset& preset) { return preset.name == name.substr(0, name.find('+')); });
  return found == presets().end() ? kDefaultImageSize : found->image_size;
}

class ListCommand : public Subcommand {
 public:
  ListCommand() : Subcommand("list", "The presets: rows of the paper's tables") {}

  std::string purpose() const override { return "Lists the architectures that have a name, as `--arch` takes them."; }
  std::vector<Example> examples() const override { return {{"List them", "assemble model list"}}; }

  void run() override {
    nlohmann::ordered_json result = nlohmann::ordered_json::array();
    std::vector<std::vector<std::string>> rows{{"name", "arch", "image size", "description"}};
    for (const Preset& preset : presets()) {
      result.push_back(to_json(preset));
      rows.push_back({preset.name, preset.arch, std::to_string(preset.image_size), preset.description});
    }
    print(result, format_table(rows));
  }
};

class InfoCommand : public Subcommand {
 public:
  InfoCommand() : Subcommand("info", "Parameters and multiply-adds of a network") {}

  std::string purpose() const override {
    return "Says what a network costs: its parameters, and the multiply-adds of one image.";
  }
  std::vector<Example> examples() const override {
    return {{"The cost of an assembled network", "assemble model info resnet50+bl+sk+aa3 --image-size 256"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("arch", arch_, "Arch string, preset or model file")->required();
    app.add_option("--classes", classes_, "Outputs; default: the file's, or 1000")->transform(whole(2, 10000000));
    app.add_option("--image-size", image_size_, "Side of the input; default: the file's or preset's, or 224")
        ->transform(side(1));
  }

  void run() override {
    nlohmann::ordered_json result;
    const Arch arch = read_arch(result);
    const ModelCost cost = measure_cost(arch, classes_, image_size_);
    result["arch"] = arch.str();
    result["parameters"] = cost.parameters;
    result["multiply_adds"] = cost.multiply_adds;
    result["image_size"] = image_size_;
    result["classes"] = classes_;
    print(result, concat("arch           ", arch.str(), "\nparameters     ",
                         format_number(static_cast<double>(cost.parameters) / 1e6, 6), " M\nmultiply-adds  ",
                         format_number(static_cast<double>(cost.multiply_adds) / 1e9, 3), " G for one image of ",
                         image_size_, "x", image_size_, "\nclasses        ", classes_, "\n"));
  }

 private:
  /// The arch that the argument names; what the user left open is filled in from the file or the preset.
  Arch read_arch(nlohmann::ordered_json& result) {
    if (!fs::is_regular_file(arch_)) {
      if (image_size_ == 0) image_size_ = preset_size(arch_);
      if (classes_ == 0) classes_ = kDefaultClasses;
      return Arch::parse(arch_);
    }
    const SafetensorsFile file(arch_);
    const ModelCard card = read_model_card(file);
    if (image_size_ == 0) image_size_ = card.preprocessing.eval_size;
    if (classes_ == 0) classes_ = card.classes();
    result["class_names"] = card.class_names;
    result["training"] = card.training;
    return arch_of(file, card);
  }

  std::string arch_;
  int64_t classes_ = 0;
  int64_t image_size_ = 0;
};

}  // namespace

std::unique_ptr<Subcommand> make_model_command() {
  auto command = std::make_unique<SubcommandGroup>(
      "model", "List the presets; show the size and cost of a network",
      "A network is a preset, or a base with tweaks: resnet50+bl+sk+aa3 is a ResNet-50 with big-little branches, "
      "selective kernels and anti-aliased downsampling.");
  command->add(std::make_unique<ListCommand>());
  command->add(std::make_unique<InfoCommand>());
  return command;
}

}  // namespace assemble::cli
