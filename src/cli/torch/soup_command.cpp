// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/nn/autocast.h"
#include "assemble/train/soup.h"
#include "common/choice_option.h"
#include "common/data_options.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "torch/commands.h"

namespace assemble::cli {
namespace {

class SoupCommand : public Subcommand {
 public:
  SoupCommand() : Subcommand("soup", "Average the weights of models: of one run's epochs, or of several runs") {}

  std::string purpose() const override {
    return "Averages the weights of models of one architecture, of several runs or of the best epochs of one: often "
           "better than each of them, and no slower than one. The statistics of batch norms are taken anew.";
  }
  std::vector<Example> examples() const override {
    return {{"Average two models",
             "assemble soup runs/seed-1/best.safetensors runs/seed-2/best.safetensors --data photos --out "
             "soup.safetensors"},
            {"Only those that help",
             "assemble soup runs/seed-*/best.safetensors --data photos --out soup.safetensors --greedy"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("models", models_, "Model files of one arch")->required();
    app.add_option("--data", data_, "Data set that they were trained on: batch norms take its statistics anew")
        ->required();
    app.add_option("--out", out_, "Model file to write")->required();
    app.add_flag("--greedy", options_.greedy,
                 "Take the models one after the other, the best first, and only those with which top-1 of the "
                 "validation images is no worse");
    app.add_option("--statistics-images", options_.statistics_images,
                   "Training images for the statistics of batch norms; 0: all of them")
        ->transform(at_least(0));
    app.add_option("--batch-size", options_.batch_size, "Images a pass")->transform(at_least(2));
    app.add_option("--seed", options_.seed, "Of the training images' crops")->transform(seed());
    app.add_option("--device", device_, "What computes; auto: cuda where it can be used")->check(device_name());
    add_choice(app, "--precision", options_.precision, kAutocastPrecisions, "Of convolutions and dense layers");
    app.add_option("--threads", threads_, "Threads of the network on the CPU; 0: every core")
        ->transform(thread_count());
    app.add_option("--loader-threads", options_.loader_threads, "Threads that decode; 0: every core")
        ->transform(thread_count());
    declare_record_files(app, files_);
  }

  void run() override {
    std::vector<std::string> inputs = models_;
    inputs.push_back(data_);
    prepare_output_file("--out", out_, inputs);
    keep_freed_memory();
    if (threads_ > 0) torch::set_num_threads(threads_);
    options_.device = parse_device(device_);
    const auto train = open_dataset(data_, Split::kTrain, ClassRule::kOfTraining, files_);
    const auto validation = open_dataset(data_, Split::kValidation, ClassRule::kOfTraining, files_);
    const Soup soup = make_soup({models_.begin(), models_.end()}, *train, *validation, options_);
    save_model(out_, *soup.model, soup.card);
    if (options_.greedy) log_info("the validation images picked the models: measure the soup on others");
    report(soup);
  }

 private:
  void report(const Soup& soup) const {
    nlohmann::ordered_json ingredients = nlohmann::ordered_json::array();
    std::vector<std::vector<std::string>> rows{{"model", "taken"}};
    if (options_.greedy) rows[0].emplace_back("top-1");
    for (const Ingredient& ingredient : soup.ingredients) {
      nlohmann::ordered_json json{{"file", ingredient.file.string()}, {"taken", ingredient.taken}};
      rows.push_back({ingredient.file.string(), ingredient.taken ? "yes" : "no"});
      if (options_.greedy) {
        json["top1"] = ingredient.top1;
        rows.back().push_back(format_number(ingredient.top1, 4));
      }
      ingredients.push_back(json);
    }
    nlohmann::ordered_json json{{"output", out_}, {"models", ingredients}};
    if (options_.greedy) {
      json["top1"] = soup.top1;
      rows.push_back({out_, "", format_number(soup.top1, 4)});
    }
    print(json, format_table(rows));
  }

  std::vector<std::string> models_;
  std::string data_;
  std::string out_;
  SoupOptions options_;
  std::string device_ = "auto";
  int threads_ = 0;
  RecordFiles files_;
};

}  // namespace

std::unique_ptr<Subcommand> make_soup_command() { return std::make_unique<SoupCommand>(); }

}  // namespace assemble::cli
