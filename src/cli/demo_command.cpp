// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "assemble/cli/command.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/data/draw.h"
#include "assemble/deploy/benchmark.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/deploy/trace.h"
#include "assemble/models/model_file.h"
#include "train_options.h"

namespace assemble::cli {
namespace {

struct DemoRow {
  std::string name;
  std::string arch;
  ModelCost cost;
  TrainResult result;
  fs::path onnx = {};
  double inference_rate = 0;  ///< images a second of the exported network

  ClassificationResult measures() const { return result.last.classification.value_or(ClassificationResult{}); }
};

/// What both networks get; they differ in their architecture alone.
constexpr std::string_view kRecipe =
    "--batch-size 32 --lr 0.1 --warmup-epochs 2 --weight-decay 5e-4 --zero-gamma --bn-momentum 0.9 "
    "--label-smoothing 0.1 --ema 0.98 --min-area 0.4 --deviation 58 58 58 --eval-every 5";

class DemoCommand : public Command {
 public:
  std::string name() const override { return "demo"; }
  std::string summary() const override { return "Draw a data set, train a vanilla and an assembled network, compare"; }

  void declare(CLI::App& app) override {
    app.add_option("--out", out_, "Folder for the data set and the runs");
    app.add_option("--epochs", epochs_, "Epochs a network")->check(CLI::PositiveNumber);
    app.add_option("--train-per-class", draw_.train_per_class, "Training images a class")->check(CLI::PositiveNumber);
    app.add_option("--width", width_, "Stem width of both networks")->check(CLI::Range(8, 64));
    app.add_option("--seed", draw_.seed, "Seed of the drawing and of both runs");
  }

  void run() override {
    const fs::path data = fs::path(out_) / "data";
    log_info(concat("drawing ", drawn_classes().size(), " classes of textured shapes into ", data.string()));
    draw_dataset(data, draw_);
    std::vector<DemoRow> rows;
    rows.push_back(train("vanilla", concat("resnet50+w", width_), data));
    rows.push_back(train("assembled", concat("resnet50+bl+sk+aa3+w", width_), data));
    measure_exported(rows);
    print(to_json(rows), to_text(rows));
  }

 private:
  /// Writes each network as ONNX and runs the files in turns.
  void measure_exported(std::vector<DemoRow>& rows) const {
    constexpr int64_t kBatch = 8;
    std::vector<BenchmarkEntry> entries;
    for (DemoRow& row : rows) {
      ModelCard card;
      const Classifier model = load_model(fs::path(out_) / row.name / "best.safetensors", &card);
      const Graph graph = optimise(trace(*model, draw_.side));
      row.onnx = fs::path(out_) / (row.name + ".onnx");
      write_file(row.onnx, serialise(to_onnx(graph, to_metadata(card, EnginePrecision::kF32))));
      EngineOptions options{.kind = default_engine(torch::kCPU), .batch = kBatch};
      entries.push_back({row.name, make_engine(graph, options), torch::randn({kBatch, 3, draw_.side, draw_.side}),
                         row.cost.multiply_adds, 0});
    }
    const std::vector<BenchmarkResult> results = run_interleaved(entries, {.seconds = 2, .warm_up = 3});
    for (size_t i = 0; i < rows.size(); ++i) rows[i].inference_rate = results[i].images_per_second;
  }

  DemoRow train(const std::string& name, const std::string& arch, const fs::path& data) const {
    const fs::path out = fs::path(out_) / name;
    fs::remove_all(out);
    std::vector<std::string> arguments = split(kRecipe, ' ');
    for (const auto& [flag, value] :
         std::vector<std::pair<std::string, std::string>>{{"--data", data.string()},
                                                          {"--out", out.string()},
                                                          {"--arch", arch},
                                                          {"--epochs", std::to_string(epochs_)},
                                                          {"--seed", std::to_string(draw_.seed)},
                                                          {"--preprocessing", concat("imagenet_", draw_.side)},
                                                          {"--eval-resize", std::to_string(draw_.side)}}) {
      arguments.insert(arguments.end(), {flag, value});
    }
    CLI::App options;
    options.option_defaults()->always_capture_default();
    TrainJob job;
    job.declare(options);
    std::reverse(arguments.begin(), arguments.end());
    options.parse(std::move(arguments));
    return {name, arch, measure_cost(Arch::parse(arch), static_cast<int64_t>(drawn_classes().size()), draw_.side),
            job.run(options, /*resume=*/false)};
  }

  nlohmann::ordered_json to_json(const std::vector<DemoRow>& rows) const {
    nlohmann::ordered_json networks = nlohmann::ordered_json::array();
    for (const DemoRow& row : rows) {
      networks.push_back({{"name", row.name},
                          {"arch", row.arch},
                          {"parameters", row.cost.parameters},
                          {"multiply_adds", row.cost.multiply_adds},
                          {"top1", row.measures().top1},
                          {"top5", row.measures().top5},
                          {"ece", row.measures().ece},
                          {"seconds", row.result.seconds},
                          {"images_per_second", row.result.images_per_second},
                          {"inference_images_per_second", row.inference_rate},
                          {"model", (fs::path(out_) / row.name / "best.safetensors").string()},
                          {"onnx", row.onnx.string()}});
    }
    return {{"out", out_}, {"networks", networks}};
  }

  std::string to_text(const std::vector<DemoRow>& rows) const {
    std::vector<std::vector<std::string>> table{
        {"network", "arch", "M parameters", "M multiply-adds", "top-1 %", "top-5 %", "ECE", "time", "training images/s",
         "inference images/s"}};
    for (const DemoRow& row : rows) {
      table.push_back({row.name, row.arch, format_number(1e-6 * static_cast<double>(row.cost.parameters), 2),
                       format_number(1e-6 * static_cast<double>(row.cost.multiply_adds), 0),
                       format_number(100 * row.measures().top1, 2), format_number(100 * row.measures().top5, 2),
                       format_number(row.measures().ece, 4), format_duration(row.result.seconds),
                       format_number(row.result.images_per_second, 0), format_number(row.inference_rate, 0)});
    }
    const std::string model = (fs::path(out_) / "assembled" / "best.safetensors").string();
    return format_table(table) + concat("\nTry: assemble eval --model ", model, " --data ",
                                        (fs::path(out_) / "data").string(), "\n     assemble predict --model ", model,
                                        " ", (fs::path(out_) / "data/validation").string(), "\n");
  }

  std::string out_ = "runs/demo";
  int64_t epochs_ = 45;
  int width_ = 16;
  DrawOptions draw_;
};

}  // namespace

std::unique_ptr<Command> make_demo_command() { return std::make_unique<DemoCommand>(); }

}  // namespace assemble::cli
