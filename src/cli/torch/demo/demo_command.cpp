// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/resumable_folder.h"
#include "assemble/core/text.h"
#include "assemble/data/draw.h"
#include "assemble/deploy/benchmark.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/models/model_file.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "robustness/robustness.h"
#include "torch/commands.h"
#include "torch/demo/demo.h"
#include "torch/train/train_options.h"

namespace assemble::cli {
namespace {

/// What both networks get; they differ in their architecture alone.
constexpr std::string_view kRecipe =
    "--batch-size 32 --lr 0.1 --weight-decay 5e-4 --zero-gamma --bn-momentum 0.9 "
    "--label-smoothing 0.1 --ema 0.98 --min-area 0.4 --deviation 58 58 58 --eval-every 3";

constexpr int64_t kBatch = 8;

nlohmann::ordered_json share_or_null(const std::optional<double>& percent) {
  return number_or_null(percent ? std::optional(*percent / 100) : std::nullopt);
}

class DemoCommand : public Subcommand {
 public:
  DemoCommand() : Subcommand("demo", "Draw a data set, train a vanilla and an assembled network, compare") {}

  void declare(CLI::App& app) override {
    app.add_option("--out", out_, "Folder for the data set, the runs and report.html");
    app.add_option("--epochs", epochs_, "Epochs a network")->transform(at_least(1));
    app.add_option("--train-per-class", draw_.train_per_class, "Training images a class")->transform(at_least(1));
    app.add_option("--corrupted-images", corrupted_images_, "Validation images to corrupt, for the robustness")
        ->transform(at_least(1));
    app.add_option("--sequences", sequences_, "Perturbation sequences of each kind, for the robustness")
        ->transform(at_least(1));
    app.add_option("--width", width_, "Stem width of both networks")->transform(whole(8, 64));
    app.add_option("--seed", draw_.seed, "Seed of the drawing and of both runs")->transform(seed());
  }

  void run() override {
    check_output_folder("--out", out_, {});
    claim();
    const fs::path data = fs::path(out_) / "data";
    log_info(concat("drawing ", drawn_classes().size(), " classes of textured shapes into ", data.string()));
    draw_dataset(data, draw_);
    const auto validation = open_dataset(data, Split::kValidation);
    const EvenlySpread corrupted(*validation, std::min(corrupted_images_, validation->size()));
    DemoResult result{{}, epochs_, open_dataset(data, Split::kTrain)->size(), validation.get(), source_of(corrupted)};
    result.networks.push_back(train("vanilla", concat("resnet50+w", width_), data));
    result.networks.push_back(train("assembled", concat("resnet50+bl+sk+aa3+w", width_), data));
    for (DemoNetwork& network : result.networks) deploy(network);
    measure_rates(result.networks);
    measure_robustness(result);
    write_file(report(), demo_report(result));
    print(to_json(result), to_text(result));
  }

 private:
  /// Makes the folder, or takes that of an earlier demo with the same options, which is made anew.
  void claim() const {
    const ResumableFolder folder(out_, {.record = "demo.json",
                                        .what = "the record of a demo",
                                        .made_with = "is of a demo with",
                                        .other_hint = "choose another --out, or remove this one",
                                        .damaged_hint = "choose another --out, or remove this one"});
    nlohmann::ordered_json settings{{"epochs", epochs_},
                                    {"train_per_class", draw_.train_per_class},
                                    {"corrupted_images", corrupted_images_},
                                    {"sequences", sequences_},
                                    {"width", width_},
                                    {"seed", draw_.seed}};
    folder.require_own(settings, {"data", "vanilla", "assembled", "vanilla.onnx", "assembled.onnx", "report.html"});
    folder.prepare();
    settings["made_by"] = concat("assemble ", ASSEMBLE_VERSION);
    folder.write(settings);
  }

  fs::path report() const { return fs::path(out_) / "report.html"; }

  CorruptionSource source_of(const Dataset& images) const {
    CorruptionSource source;
    source.dataset = &images;
    source.options.corruptions.resize(kOfficialCorruptions);
    source.options.resize = source.options.crop = draw_.side;
    source.options.seed = draw_.seed;
    return source;
  }

  DemoNetwork train(const std::string& name, const std::string& arch, const fs::path& data) const {
    DemoNetwork network{.name = name, .run = fs::path(out_) / name};
    std::vector<std::string> arguments = split(kRecipe, ' ');
    for (const auto& [flag, value] : std::vector<std::pair<std::string, std::string>>{
             {"--data", data.string()},
             {"--out", network.run.string()},
             {"--arch", arch},
             {"--epochs", std::to_string(epochs_)},
             {"--warmup-epochs", std::to_string(std::min<int64_t>(2, epochs_ - 1))},
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
    network.training = job.run(options, /*resume=*/false, /*overwrite=*/true);
    if (network.training.interrupted) throw RunError("demo", "interrupted", "start it again");
    return network;
  }

  /// Writes a trained network as ONNX and opens what was written.
  void deploy(DemoNetwork& network) const {
    const Classifier model = load_model(network.model(), &network.card);
    network.cost = measure_cost(model->arch(), network.card.classes(), draw_.side);
    const Graph graph = optimise(trace(*model, draw_.side));
    network.onnx = fs::path(out_) / (network.name + ".onnx");
    write_file(network.onnx, serialise(to_onnx(graph, to_metadata(network.card, Precision::kF32))));
    network.engine = make_engine(graph, {.kind = default_engine("cpu"), .batch = kBatch});
  }

  /// Runs the exported networks in turns.
  void measure_rates(std::vector<DemoNetwork>& networks) const {
    std::vector<BenchmarkEntry> entries;
    entries.reserve(networks.size());
    for (const DemoNetwork& network : networks) {
      entries.push_back({network.name, network.engine, std::make_shared<const RandomImages>(kBatch, draw_.side),
                         network.cost.multiply_adds, 0});
    }
    const std::vector<BenchmarkResult> results = run_interleaved(entries, {.seconds = 2, .warm_up = 3});
    for (size_t i = 0; i < networks.size(); ++i) networks[i].inference_rate = results[i].images_per_second;
  }

  void measure_robustness(DemoResult& result) const {
    const CorruptionSource& source = result.corrupted;
    log_info(concat("measuring robustness: ", source.options.corruptions.size(), " corruptions, ",
                    source.options.severities.size(), " severities, ", source.dataset->size(), " images; ",
                    kOfficialPerturbations, " kinds of sequences, ", sequences_, " each"));
    for (DemoNetwork& network : result.networks) {
      measure_corruptions(network.measured(), source, network.corruptions, [] {});
      measure_perturbations(network, *result.validation);
      const DemoNetwork& first = result.networks.front();
      network.corruption_scores = score_corruptions(network.corruptions, baseline_of(first.corruptions, first.name));
      network.perturbation_scores =
          score_perturbations(network.perturbations, baseline_of(first.perturbations, first.name));
    }
  }

  void measure_perturbations(DemoNetwork& network, const Dataset& validation) const {
    const PerturbSetOptions options{.resize = draw_.side, .crop = draw_.side, .seed = draw_.seed};
    for (const std::string& kind : options.kinds) {
      const auto sequences = make_sequences(validation, kind, options);
      network.perturbations[kind] = measure_perturbation(network.measured(), kind, *sequences, sequences_);
    }
  }

  nlohmann::ordered_json to_json(const DemoResult& result) const {
    nlohmann::ordered_json networks = nlohmann::ordered_json::array();
    for (const DemoNetwork& network : result.networks) {
      nlohmann::ordered_json errors;
      for (const std::string& corruption : result.corrupted.options.corruptions) {
        errors[corruption] = number_or_null(network.corruptions.mean_error(corruption));
      }
      networks.push_back({{"name", network.name},
                          {"arch", network.arch()},
                          {"parameters", network.cost.parameters},
                          {"multiply_adds", network.cost.multiply_adds},
                          {"top1", network.measures().top1},
                          {"top5", network.measures().top5},
                          {"ece", network.measures().ece},
                          {"corruption_error", share_or_null(network.corruption_scores.unnormalised_15)},
                          {"mce", number_or_null(network.corruption_scores.mce_15)},
                          {"corruption_errors", errors},
                          {"flip_probability", share_or_null(network.perturbation_scores.unnormalised_fr)},
                          {"mfr", number_or_null(network.perturbation_scores.mfr)},
                          {"seconds", network.training.seconds},
                          {"images_per_second", network.training.images_per_second},
                          {"inference_images_per_second", network.inference_rate},
                          {"model", network.model().string()},
                          {"onnx", network.onnx.string()}});
    }
    return {{"out", out_}, {"report", report().string()}, {"networks", networks}};
  }

  std::string to_text(const DemoResult& result) const {
    const std::string model = result.networks.back().model().string();
    return format_table(demo_figures(result)) +
           concat("\nTry: assemble eval --model ", model, " --data ", (fs::path(out_) / "data").string(),
                  "\n     assemble predict --model ", model, " ", (fs::path(out_) / "data/validation").string(),
                  "\n\nReport: ", report().string(), "\n");
  }

  std::string out_ = "runs/demo";
  int64_t epochs_ = 45;
  int64_t corrupted_images_ = 160;
  int64_t sequences_ = 32;
  int width_ = 16;
  DrawOptions draw_;
};

}  // namespace

std::unique_ptr<Subcommand> make_demo_command() { return std::make_unique<DemoCommand>(); }

}  // namespace assemble::cli
