// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/data/loader.h"
#include "assemble/deploy/foreign_quantise.h"
#include "assemble/deploy/onnx_export.h"
#include "assemble/deploy/passes.h"
#include "assemble/deploy/quantise.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/flat_answers.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/data_options.h"
#include "common/evaluation.h"
#include "common/foreign_options.h"
#include "common/numbers.h"
#include "common/outputs.h"
#include "network/package.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kFewestImages = 16;
constexpr int64_t kFewImages = 100;
constexpr double kFarFromTraining = 0.4;
constexpr size_t kWorstShown = 10;
constexpr uint64_t kLargestOptions = 1 << 20;
const std::string kOptionsHead = "# How the network of this name is used, written by assemble export.\n";

class ExportCommand : public Subcommand {
 public:
  ExportCommand() : Subcommand("export", "Write a model as ONNX, in f32 or 8 bits") {}

  std::string purpose() const override {
    return "Writes a model as ONNX for whatever runs it: f32, or 8 bits, which are a quarter of the size and faster on "
           "processors that have instructions for them. For 8 bits it measures activations on some "
           "images, and with --data also what they cost.";
  }
  std::vector<Example> examples() const override {
    return {{"Write an .onnx file", "assemble export --model runs/photos/best.safetensors --out photos.onnx"},
            {"In 8 bits, with the accuracy that costs",
             "assemble export --model runs/photos/best.safetensors --out photos_int8.onnx --int8 --calibration photos "
             "--data photos"},
            {"Another program's network in 8 bits",
             "assemble export --model network.onnx --out network_int8.onnx --int8 --calibration photos"},
            {"One that takes pixels as they are decoded",
             "assemble export --model runs/photos/best.safetensors --out photos.onnx --preprocess"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("--model", model_file_, "Model file; with --int8 also an .onnx file of another program")->required();
    app.add_option("--out", out_, "The .onnx file, or with --package the folder")->required();
    app.add_option("--image-size", image_size_, "Side of the input, pixels; 0: the model's own")->transform(side(0));
    app.add_flag("--preprocess", preprocess_, "The graph takes bytes [N, H, W, 3] and subtracts the mean itself");
    app.add_flag("--embedding", embedding_, "The graph gives embeddings too: an output 'embedding' beside 'logits'");
    app.add_flag("--plain", plain_, "Leave the graph as the network is written: to compare with");
    const char* group = "8 bits";
    CLI::Option* int8 = app.add_flag("--int8", int8_, "Quantise weights and activations to 8 bits")->group(group);
    app.add_option("--calibration", calibration_, "Images that activations are measured on: folder or TFRecords")
        ->needs(int8)
        ->group(group);
    app.add_option("--calibration-images", calibration_images_, "How many of them, spread evenly; 0: all")
        ->transform(at_least(0))
        ->needs(int8)
        ->group(group);
    add_choice(app, "--range", options_.range, kRangeMethods, "How ranges are chosen")->needs(int8)->group(group);
    app.add_option("--percentile", options_.percentile, "Per cent of the values that fit, with --range percentile")
        ->transform(real(50, 100))
        ->needs(int8)
        ->group(group);
    app.add_flag("!--no-bias-correction", options_.correct_bias, "Leave biases as they are")->needs(int8)->group(group);
    app.add_option("--keep", keep_, "Layers that stay in f32, by name")->needs(int8)->group(group);
    app.add_option("--max-drop", max_drop_,
                   "Keep layers in f32 until top-1 drops by at most so many points; needs --data")
        ->transform(not_negative())
        ->needs(int8)
        ->group(group);
    package_.declare(app);
    app.add_option("--data", evaluation_.data,
                   "Data set whose validation split measures what 8 bits cost, and what a package says of the model");
    declare_record_files(app, evaluation_.files);
    declare_pairing(app, evaluation_.pairing);
    declare_competition(app, evaluation_.pairing);
    declare_foreign(app, evaluation_.inference.foreign);
  }

  void run() override {
    keep_freed_memory();
    if (fs::path(model_file_).extension() == ".bin") {
      throw UsageError("--model", concat(model_file_, " holds weights alone"),
                       "give the .xml or .onnx file of its graph");
    }
    check_flags();
    if (is_foreign(model_file_)) return export_foreign();
    card_ = read_model_card(model_file_);
    card_.preprocessing = at_size(card_.preprocessing, image_size_);
    const ModelCard as_trained = card_;
    const Graph traced = read_graph(model_file_, card_.preprocessing.eval_size);
    const Graph wanted = embedding_ ? with_embedding(traced) : traced;
    Graph graph = plain_ ? wanted : optimise(wanted);
    if (int8_) graph = quantised(traced, pools_as_convolutions(graph));
    if (preprocess_) {
      graph = with_preprocessing(graph, card_.preprocessing);
      // The file says what is left to do before the graph.
      card_.preprocessing.mean = {0, 0, 0};
      card_.preprocessing.deviation = {1, 1, 1};
    }
    const Precision precision = int8_ ? Precision::kInt8 : Precision::kF32;
    Metadata metadata = to_metadata(card_, precision);
    metadata["multiply_adds"] = std::to_string(traced.multiply_adds());
    if (embedding_) metadata[kEmbeddingSize] = std::to_string(embedding_of(traced).output().shape[0]);
    const std::string bytes = serialise(to_onnx(graph, metadata));
    if (package_.wanted) {
      report_["package"] = package_.write(packed(traced, precision, as_trained), bytes, model_file_, evaluation_);
    } else {
      write_file(out_, bytes);
    }
    ordered_json result{{"out", out_},
                        {"arch", card_.arch},
                        {"image_size", card_.preprocessing.eval_size},
                        {"precision", precision_name(precision)},
                        {"bytes", bytes.size()},
                        {"nodes", graph.nodes().size()}};
    result.update(report_);
    print(result, concat(text_, out_, ": ", card_.arch, " at ", card_.preprocessing.eval_size, ", ",
                         precision_name(precision), ", ", format_number(static_cast<double>(bytes.size()) / 1048576, 1),
                         " MiB\n", package_.wanted ? package_.summary() : ""));
  }

 private:
  void export_foreign() {
    check_foreign_flags();
    const fs::path beside = foreign_options_file(out_);
    prepare_foreign_options(beside);
    const ForeignModel model = read_foreign(model_file_, evaluation_.inference.foreign);
    card_ = model.card;
    const std::vector<Batch> batches = calibration_images();
    std::vector<Images> images;
    int64_t count = 0;
    for (const Batch& batch : batches) images.push_back(images_of(batch)), count += batch.size;
    require_use(model, images.front());
    if (!evaluation_.data.empty()) report_["top1_f32"] = accuracy_of_file(model_file_);
    const QuantisedForeign result = quantise_foreign(model_file_, model, images, options_);
    write_file(out_, result.onnx);
    write_file(beside, kOptionsHead + model.options.to_toml(fs::absolute(beside).parent_path()));
    report_["calibration_images"] = count;
    if (!evaluation_.data.empty()) {
      report_["top1_int8"] = accuracy_of_file(out_);
      text_ = format_table({{"precision", "top-1 %"},
                            {"f32", format_number(report_["top1_f32"].get<double>(), 2)},
                            {"int8", format_number(report_["top1_int8"].get<double>(), 2)}}) +
              "\n";
    }
    reported(result.layers);
    std::map<std::string, std::vector<std::string>> layers_of;  // by reason
    for (size_t i = 0; i < result.layers.size(); ++i) {
      if (result.reasons[i].empty()) continue;
      report_["layers"][i]["reason"] = result.reasons[i];
      layers_of[result.reasons[i]].push_back(result.layers[i].name);
    }
    for (const auto& [reason, layers] : layers_of) {
      const std::string more = layers.size() > 1 ? concat(" and ", layers.size() - 1, " more") : "";
      text_ += concat("in f32: ", layers.front(), more, ": ", reason, "\n");
    }
    report_["left_in_f32"] = result.left;
    if (!result.left.empty()) text_ += concat("operators in f32: ", join(result.left, ", "), "\n");
    ordered_json json{
        {"out", out_}, {"options", beside.string()}, {"precision", "int8"}, {"bytes", result.onnx.size()}};
    json.update(report_);
    print(json, concat(text_, out_, ": ", format_number(static_cast<double>(result.onnx.size()) / 1048576, 1),
                       " MiB; how it is used: ", beside.string(), "\n"));
  }

  void check_foreign_flags() const {
    if (!int8_) throw UsageError(model_file_, "is what it is already", "with --int8 it is written in 8 bits");
    const std::array<std::pair<bool, const char*>, 5> ours{{{package_.wanted, "--package"},
                                                            {preprocess_, "--preprocess"},
                                                            {embedding_, "--embedding"},
                                                            {image_size_ > 0, "--image-size"},
                                                            {max_drop_ >= 0, "--max-drop"}}};
    for (const auto& [given, flag] : ours) {
      if (!given) continue;
      throw UsageError(flag, concat("is not for networks of other programs, as ", model_file_, " is"), "leave it out");
    }
  }

  /// The file of options is replaced where an export has written it, and nowhere else: it may be another network's.
  void prepare_foreign_options(const fs::path& beside) const {
    prepare_output_file("--out", beside, {});
    if (!fs::exists(beside)) return;
    const Bytes there = read_file(beside, kLargestOptions);
    const std::string text(there.begin(), there.end());
    if (text.starts_with(kOptionsHead)) return;
    throw UsageError("--out",
                     concat("'", beside.string(), "' would tell how ", out_,
                            " is used, but is there already, and no export has written it"),
                     "choose another name, or move that file away");
  }

  /// What would be found out only when the file is used: its outputs are of another kind, or have no such embedding.
  void require_use(const ForeignModel& model, const Images& images) const {
    const EngineOptions options{.batch = images.count, .foreign = evaluation_.inference.foreign};
    const Matrix logits = open_engine(model_file_, options).engine->run(images);
    const std::string flat = flat_answers(logits);
    if (!flat.empty()) log_warning(concat(model_file_, ": its answers: ", flat));
    if (!model.embedding_name.empty()) open_embedder(model_file_, options);
  }

  /// Of a network of another program, in per cent.
  double accuracy_of_file(const std::string& file) const {
    EvaluationOptions options = evaluation_;
    if (file == out_) options.inference.foreign = {};  // the file beside it says all
    const auto dataset = options.open();
    const PairedModels models = load_paired(options, {.models = {file}}, *dataset);
    return 100 * evaluate_paired(options, *dataset, models, "evaluating " + file, {}).result().top1;
  }

  /// What the export tells a package.
  PackagedModel packed(const Graph& traced, Precision precision, const ModelCard& as_trained) const {
    PackagedModel model;
    model.card = as_trained;
    model.multiply_adds = traced.multiply_adds();
    model.precision = precision;
    model.pixels = preprocess_;
    if (embedding_) model.embedding = embedding_of(traced).output().shape[0];
    if (report_.contains("top1_f32")) model.f32_top1 = report_["top1_f32"].get<double>() / 100;
    if (int8_) model.calibration_images = report_["calibration_images"].get<int64_t>();
    return model;
  }

  void check_flags() {
    if (!package_.wanted && fs::path(out_).extension() != ".onnx") {
      throw UsageError("--out", concat("'", out_, "' does not end in .onnx"),
                       "name the file NAME.onnx, or make a folder of it with --package");
    }
    if (int8_ && calibration_.empty()) {
      throw UsageError("--int8", "needs images to measure activations on", "add --calibration FOLDER");
    }
    if (int8_ && plain_) throw UsageError("--plain", "cannot be quantised", "leave one of --plain and --int8 out");
    if (options_.range != RangeMethod::kPercentile && app().count("--percentile") > 0) {
      throw UsageError("--percentile", "is of --range percentile alone", "add that, or leave it out");
    }
    if (evaluation_.data.empty() && evaluation_.pairing.given()) {
      throw UsageError("--label-offset and --class-map", "pair outputs with labels of --data", "add --data");
    }
    if (max_drop_ >= 0 && evaluation_.data.empty()) {
      throw UsageError("--max-drop", "needs labelled images", "add --data with the data set to measure on");
    }
    if (!evaluation_.data.empty() && !int8_ && !package_.wanted) {
      throw UsageError("--data", "measures what 8 bits cost, or what a package says", "add --int8 or --package");
    }
    if (package_.wanted) {
      package_.prepare(out_, evaluation_);
    } else {
      prepare_output_file("--out", out_, {model_file_, calibration_, evaluation_.data});
    }
    options_.keep.insert(keep_.begin(), keep_.end());
  }

  std::vector<Batch> calibration_images() const {
    const auto all = open_unlabelled(calibration_, {.allow_missing_shards = evaluation_.files.allow_missing_shards});
    const int64_t wanted = calibration_images_ == 0 ? all->size() : std::min(calibration_images_, all->size());
    if (wanted < std::min(all->size(), kFewestImages)) {
      throw UsageError("--calibration-images", concat("is ", wanted, ", at least ", kFewestImages, " are needed"),
                       "give some hundred, or 0 for all");
    }
    if (wanted < kFewestImages) {
      throw InputError(calibration_, concat("holds ", all->size(), " images, at least ", kFewestImages, " are needed"),
                       "give a few hundred images like those that will be classified");
    }
    if (wanted < kFewImages) {
      log_warning(concat("ranges from ", wanted, " images are uncertain: a few hundred are better"));
    }
    LoaderOptions options;
    options.batch_size = 16;
    options.preprocessing = card_.preprocessing;
    const EvenlySpread chosen(*all, wanted);
    Loader loader(chosen, options);
    loader.start(0);
    std::vector<Batch> batches;
    Batch batch;
    while (loader.next(batch)) batches.push_back(std::exchange(batch, {}));
    if (batches.empty()) throw InputError(calibration_, concat("none of ", wanted, " images could be read"));
    return batches;
  }

  /// Share of the validation images that a graph classifies right, in per cent.
  double accuracy(const Graph& graph, Precision precision) const {
    const auto dataset = evaluation_.open();
    const ClassPairing pairing({card_.class_names, model_file_}, {dataset->class_names(), evaluation_.data},
                               evaluation_.pairing);
    const PairedDataset paired(*dataset, pairing);
    LoaderOptions options;
    options.preprocessing = card_.preprocessing;
    Loader loader(paired, options);
    const InferenceOptions inference;
    EngineOptions engine_options = inference.engine_options(options.batch_size);
    engine_options.precision = precision;
    const Network network = pairing.measured(make_network(make_engine(graph, engine_options)));
    const std::string name = concat(model_file_, " in ", precision_name(precision));
    return 100 * evaluate(network, pairing.measured(outputs_of(card_, name)), loader,
                          concat("evaluating ", precision_name(precision)))
                     .top1;
  }

  Graph quantised(const Graph& traced, const Graph& graph) {
    const std::vector<Batch> batches = calibration_images();
    std::vector<Images> images;
    int64_t count = 0;
    for (const Batch& batch : batches) images.push_back(images_of(batch)), count += batch.size;
    const double unsettled = initial_statistics(card_);
    const double distance = distance_from_training(traced, images, unsettled);
    // The few steps that unsettled statistics come from saw few images, through weights that still moved.
    if (distance > kFarFromTraining * (1 + unsettled)) {
      log_warning(concat("the calibration images are ", format_number(distance, 2),
                         " deviations from what the network saw in training: are they of the same kind, and is the "
                         "model's preprocessing right?"));
    }
    report_["calibration_images"] = count;
    report_["distance_from_training"] = distance;
    if (evaluation_.data.empty()) return reported(quantise(graph, images, options_));
    const double reference = accuracy(graph, Precision::kF32);
    double measured = 0;
    const auto measure = [&](const Graph& candidate) { return measured = accuracy(candidate, Precision::kInt8); };
    QuantisedGraph result;
    if (max_drop_ >= 0) {
      result = quantise_within(graph, images, options_, measure, reference, max_drop_);
    } else {
      result = quantise(graph, images, options_);
      measure(result.graph);
    }
    report_["top1_f32"] = reference;
    report_["top1_int8"] = measured;
    text_ =
        format_table(
            {{"precision", "top-1 %"}, {"f32", format_number(reference, 2)}, {"int8", format_number(measured, 2)}}) +
        "\n";
    if (max_drop_ >= 0 && reference - measured > max_drop_) {
      throw RunError("--max-drop",
                     concat("top-1 drops by ", format_number(reference - measured, 2),
                            " points with every layer in f32 that can be"),
                     "allow more, or calibrate on more images");
    }
    return reported(result);
  }

  Graph reported(const QuantisedGraph& result) {
    reported(result.layers);
    return result.graph;
  }

  void reported(std::vector<QuantisedLayer> layers) {
    ordered_json list = ordered_json::array();
    for (const QuantisedLayer& layer : layers) {
      list.push_back({{"name", layer.name}, {"precision", layer.quantised ? "int8" : "f32"}, {"error", layer.error}});
    }
    report_["layers"] = list;
    std::stable_sort(layers.begin(), layers.end(),
                     [](const QuantisedLayer& a, const QuantisedLayer& b) { return a.error > b.error; });
    std::vector<std::vector<std::string>> rows{{"largest errors", "precision", "error %"}};
    for (size_t i = 0; i < std::min(kWorstShown, layers.size()); ++i) {
      rows.push_back({layers[i].name, layers[i].quantised ? "int8" : "f32", format_number(100 * layers[i].error, 2)});
    }
    text_ += format_table(rows) + "\n";
  }

  std::string model_file_, out_, calibration_;
  std::vector<std::string> keep_;
  int image_size_ = 0;
  bool preprocess_ = false, embedding_ = false, plain_ = false, int8_ = false;
  int64_t calibration_images_ = 128;
  double max_drop_ = -1;
  QuantiseOptions options_;
  EvaluationOptions evaluation_;
  PackageOptions package_;
  ModelCard card_;
  ordered_json report_ = ordered_json::object();
  std::string text_;
};

}  // namespace

std::unique_ptr<Subcommand> make_export_command() { return std::make_unique<ExportCommand>(); }

}  // namespace assemble::cli
