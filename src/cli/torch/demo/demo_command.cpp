// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string_view>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/resumable_folder.h"
#include "assemble/core/text.h"
#include "assemble/data/draw.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "robustness/robustness.h"
#include "torch/commands.h"
#include "torch/demo/demo.h"

namespace assemble::cli {
namespace {

/// What both networks get; they differ in their architecture alone.
constexpr std::string_view kRecipe = R"(batch-size = 32
lr = 0.1
weight-decay = 5e-4
zero-gamma = true
bn-momentum = 0.9
label-smoothing = 0.1
ema = 0.98
min-area = 0.4
deviation = [58, 58, 58]
eval-every = 3
)";

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
    std::vector<TrainedNetwork*> networks;
    for (DemoNetwork& network : result.networks) {
      deploy(network, network.onnx);
      networks.push_back(&network);
    }
    measure_rates(networks, /*seconds=*/2);
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
    DemoNetwork network{{.name = name, .run = fs::path(out_) / name}, fs::path(out_) / (name + ".onnx")};
    const std::string options = concat(
        kRecipe, "arch = \"", arch, "\"\nepochs = ", epochs_, "\nwarmup-epochs = ", std::min<int64_t>(2, epochs_ - 1),
        "\nseed = ", draw_.seed, "\npreprocessing = \"imagenet_", draw_.side, "\"\neval-resize = ", draw_.side, "\n");
    network.training = train_network(read_toml(options, "demo"), "demo", data, network.run, /*resume=*/false);
    return network;
  }

  void measure_robustness(DemoResult& result) const {
    const CorruptionSource& source = result.corrupted;
    log_info(concat("measuring robustness: ", source.options.corruptions.size(), " corruptions, ",
                    source.options.severities.size(), " severities, ", source.dataset->size(), " images; ",
                    kOfficialPerturbations, " kinds of sequences, ", sequences_, " each"));
    for (DemoNetwork& network : result.networks) {
      measure_corruptions(network.measured(), source, network.corruptions, [] {});
      measure_flips(network,
                    {result.validation, {.resize = draw_.side, .crop = draw_.side, .seed = draw_.seed}, sequences_});
      const DemoNetwork& first = result.networks.front();
      network.corruption_scores = score_corruptions(network.corruptions, baseline_of(first.corruptions, first.name));
      network.perturbation_scores =
          score_perturbations(network.perturbations, baseline_of(first.perturbations, first.name));
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
