// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/resumable_folder.h"
#include "assemble/core/text.h"
#include "assemble/data/draw.h"
#include "assemble/models/arch.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "ladders/assets.h"
#include "robustness/robustness.h"
#include "torch/commands.h"
#include "torch/demo/demo.h"

namespace assemble::cli {
namespace {

/// Each rung follows the one before.
constexpr const char* kLadder = "ladders/demo.toml";

/// Parts of the images that standard errors are of.
constexpr int64_t kParts = 8;

/// Every `parts`-th sample of another data set, which must outlive them, from the sample `part` on.
ChosenSamples part_of(const Dataset& whole, int64_t part, int64_t parts) {
  std::vector<int64_t> places;
  for (int64_t place = part; place < whole.size(); place += parts) places.push_back(place);
  return {whole, std::move(places)};
}

nlohmann::ordered_json share_or_null(const std::optional<double>& percent) {
  return number_or_null(percent ? std::optional(*percent / 100) : std::nullopt);
}

class DemoCommand : public Subcommand {
 public:
  DemoCommand() : Subcommand("demo", "Draw a data set, climb from a vanilla to an assembled network, show what pays") {
    draw_.validation_per_class = 100;
  }

  std::string purpose() const override {
    return "Shows in some minutes, without any data, what the techniques are worth: it draws a data set, trains "
           "networks from a vanilla to an assembled one, measures accuracy, robustness and speed, and writes it all to "
           "report.html.";
  }
  std::vector<Example> examples() const override { return {{"Run it", "assemble demo --out runs/demo"}}; }

  void declare(CLI::App& app) override {
    app.add_option("--out", out_, "Folder for the data set, the runs and report.html");
    app.add_option("--epochs", epochs_,
                   "Epochs of the first network, the others in proportion (default: those of the ladder)")
        ->transform(whole(1, 100'000));
    app.add_option("--train-per-class", draw_.train_per_class, "Training images a class")->transform(at_least(1));
    app.add_option("--corrupted-images", corrupted_images_, "Validation images to corrupt, for the robustness")
        ->transform(at_least(1));
    app.add_option("--sequences", sequences_, "Perturbation sequences of each kind, for the robustness")
        ->transform(at_least(1));
    app.add_option("--width", width_, "Stem width of the networks")->transform(whole(8, 64));
    app.add_option("--seed", draw_.seed, "Seed of the drawing and of the runs")->transform(seed());
  }

  void run() override {
    check_output_folder("--out", out_, {});
    DemoResult result{.ladder = ladder()};
    claim(result.ladder);
    const fs::path data = fs::path(out_) / "data";
    log_info(concat("drawing ", drawn_classes().size(), " classes of textured shapes into ", data.string()));
    draw_dataset(data, draw_);
    const auto validation = open_dataset(data, Split::kValidation);
    const EvenlySpread corrupted(*validation, std::min(corrupted_images_, validation->size()));
    result.train_images = open_dataset(data, Split::kTrain)->size();
    result.validation = validation.get();
    result.corrupted = source_of(corrupted);
    result.sequences = std::min(sequences_, validation->size());
    for (const Rung& rung : result.ladder.rungs) result.networks.push_back(train(rung, data));
    std::vector<TrainedNetwork*> networks;
    for (DemoNetwork& network : result.networks) {
      deploy(network, network.onnx);
      networks.push_back(&network);
    }
    measure_rates(networks, /*seconds=*/1);
    for (DemoNetwork& network : result.networks) measure(network, result);
    write_file(report(), demo_report(result));
    print(to_json(result), to_text(result));
  }

 private:
  /// Makes the folder, or takes that of an earlier demo with the same options, which is made anew.
  void claim(const Ladder& ladder) const {
    const ResumableFolder folder(out_, {.record = "demo.json",
                                        .what = "the record of a demo",
                                        .made_with = "is of a demo with",
                                        .other_hint = "choose another --out, or remove this one",
                                        .damaged_hint = "choose another --out, or remove this one"});
    nlohmann::ordered_json settings{{"epochs", epochs_ ? nlohmann::ordered_json(*epochs_) : nullptr},
                                    {"train_per_class", draw_.train_per_class},
                                    {"corrupted_images", corrupted_images_},
                                    {"sequences", sequences_},
                                    {"width", width_},
                                    {"seed", draw_.seed}};
    std::vector<std::string> places{"data", "report.html"};
    for (const Rung& rung : ladder.rungs) {
      places.push_back(folder_name(rung.name));
      places.push_back(folder_name(rung.name) + ".onnx");
    }
    folder.require_own(settings, places);
    folder.prepare();
    settings["made_by"] = concat("assemble ", ASSEMBLE_VERSION);
    folder.write(settings);
  }

  static int64_t number(const std::vector<TomlEntry>& options, const std::string& key) {
    const auto found = std::ranges::find_if(options, [&](const TomlEntry& entry) { return entry.path.back() == key; });
    return std::stoll(found->values.front().written);
  }

  /// The ladder with this demo's width; --epochs are those of the first rung, and the others keep their proportion to
  /// it.
  Ladder ladder() const {
    Ladder ladder = Ladder::parse(ladders::assets::kDemoToml, kLadder);
    const int64_t first_epochs = number(ladder.rungs.front().options, "epochs");
    for (size_t i = 0; i < ladder.rungs.size(); ++i) {
      std::vector<TomlEntry>& options = ladder.rungs[i].options;
      for (TomlEntry& option : options) {
        if (option.path.back() != "arch") continue;
        Arch arch = Arch::parse(option.values.front().written);
        arch.width = width_;
        option.values.front() = {TomlValue::Kind::kText, arch.str(), arch.str()};
      }
      if (epochs_) {
        const int64_t epochs = (*epochs_ * number(options, "epochs") + first_epochs - 1) / first_epochs;
        const int64_t warmup = std::min(number(options, "warmup-epochs"), epochs - 1);
        set_option(options, number_option("epochs", std::to_string(epochs)));
        set_option(options, number_option("warmup-epochs", std::to_string(warmup)));
      }
      if (i > 0) ladder.rungs[i].changes = config_changes(ladder.rungs[i - 1].options, options);
    }
    return ladder;
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

  DemoNetwork train(const Rung& rung, const fs::path& data) const {
    const std::string folder = folder_name(rung.name);
    DemoNetwork network{{.name = rung.name, .run = fs::path(out_) / folder}, fs::path(out_) / (folder + ".onnx")};
    std::vector<TomlEntry> options = rung.options;
    set_option(options, number_option("seed", std::to_string(draw_.seed)));
    network.training = train_network(options, kLadder, data, network.run, /*resume=*/false);
    return network;
  }

  /// Measures a network on parts of the images, and puts them together.
  void measure(DemoNetwork& network, const DemoResult& result) const {
    const CorruptionSource& source = result.corrupted;
    const EvenlySpread first_frames(*result.validation, result.sequences);
    const int64_t parts = std::min({kParts, source.dataset->size(), first_frames.size()});
    log_info(concat("measuring '", network.name, "': ", source.options.corruptions.size(), " corruptions, ",
                    source.options.severities.size(), " severities, ", source.dataset->size(), " images; ",
                    kOfficialPerturbations, " kinds of sequences, ", result.sequences, " each"));
    const MeasuredNetwork measured = network.measured();
    std::vector<CorruptionResults> corruptions(static_cast<size_t>(parts));
    std::vector<PerturbationResults> perturbations;
    std::vector<ClassificationResult> classifications;
    for (int64_t p = 0; p < parts; ++p) {
      const ChosenSamples images = part_of(*result.validation, p, parts);
      Loader loader(images, measured.loader);
      classifications.push_back(evaluate(measured.network, measured.outputs, loader));
      const ChosenSamples corrupted = part_of(*source.dataset, p, parts);
      CorruptionSource part = source;
      part.dataset = &corrupted;
      measure_corruptions(measured, part, corruptions[static_cast<size_t>(p)], [] {});
      const ChosenSamples firsts = part_of(first_frames, p, parts);
      perturbations.push_back(measure_flips(
          network, {.dataset = &firsts, .options = {.resize = draw_.side, .crop = draw_.side, .seed = draw_.seed}}));
    }
    network.corruptions = merged(corruptions);
    network.perturbations = merged(perturbations);
    network.whole = Trial::of(network, draw_.seed);
    for (size_t p = 0; p < classifications.size(); ++p) {
      Trial& part = network.parts.emplace_back(network.whole);
      part.top1 = classifications[p].top1;
      part.top5 = classifications[p].top5;
      part.ece = classifications[p].ece;
      part.corruptions = corruptions[p];
      part.perturbations = perturbations[p];
    }
  }

  nlohmann::ordered_json to_json(const DemoResult& result) const {
    const LadderResult climbed = result.climbed();
    const nlohmann::ordered_json ladder = ladder_json(climbed);
    const LadderBaseline baseline = LadderBaseline::of({result.networks.front().whole}, result.networks.front().name);
    nlohmann::ordered_json networks = nlohmann::ordered_json::array();
    for (const DemoNetwork& network : result.networks) {
      nlohmann::ordered_json errors;
      for (const std::string& corruption : result.corrupted.options.corruptions) {
        errors[corruption] = number_or_null(network.corruptions.mean_error(corruption));
      }
      const CorruptionScores corruption = score_corruptions(network.corruptions, baseline.corruptions);
      const PerturbationScores perturbation = score_perturbations(network.perturbations, baseline.perturbations);
      const nlohmann::ordered_json& rung = ladder.at("rungs").at(networks.size());
      networks.push_back({{"name", network.name},
                          {"arch", network.arch()},
                          {"changes", rung.value("changes", nlohmann::ordered_json::array())},
                          {"parameters", network.cost.parameters},
                          {"multiply_adds", network.cost.multiply_adds},
                          {"top1", network.measures().top1},
                          {"top5", network.measures().top5},
                          {"ece", network.measures().ece},
                          {"corruption_error", share_or_null(corruption.unnormalised_15)},
                          {"mce", number_or_null(corruption.mce_15)},
                          {"corruption_errors", errors},
                          {"flip_probability", share_or_null(perturbation.unnormalised_fr)},
                          {"mfr", number_or_null(perturbation.mfr)},
                          {"seconds", network.training.seconds},
                          {"images_per_second", network.training.images_per_second},
                          {"inference_images_per_second", network.inference_rate},
                          {"measures", rung.at("measures")},
                          {"model", network.model().string()},
                          {"onnx", network.onnx.string()}});
    }
    return {{"out", out_},
            {"report", report().string()},
            {"networks", networks},
            {"last_against_first", ladder.at("last_against_first")}};
  }

  std::string to_text(const DemoResult& result) const {
    const std::string model = result.networks.back().model().string();
    return ladder_text(result.climbed()) +
           concat("\nTry: assemble eval --model ", model, " --data ", (fs::path(out_) / "data").string(),
                  "\n     assemble predict --model ", model, " ", (fs::path(out_) / "data/validation").string(),
                  "\n\nReport: ", report().string(), "\n");
  }

  std::string out_ = "runs/demo";
  std::optional<int64_t> epochs_;
  int64_t corrupted_images_ = 96;
  int64_t sequences_ = 48;
  int width_ = 16;
  DrawOptions draw_;
};

}  // namespace

std::unique_ptr<Subcommand> make_demo_command() { return std::make_unique<DemoCommand>(); }

}  // namespace assemble::cli
