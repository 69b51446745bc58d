// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/core/timing.h"
#include "assemble/deploy/benchmark.h"
#include "assemble/deploy/passes.h"
#include "assemble/deploy/quantise.h"
#include "assemble/deploy/torch_backend.h"
#include "assemble/io/onnx_writer.h"
#include "benchmark/benchmark.h"
#include "common/inference.h"
#include "common/numbers.h"

namespace assemble::cli {
namespace {

/// What is measured, as --compare names it: NETWORK[@SIZE][:PRECISION][:ENGINE].
struct Subject {
  std::string network;  ///< a file, an arch or a preset
  int64_t size = 0;
  Precision precision = Precision::kF32;
  std::optional<EngineKind> engine = {};
};

bool is_file(const std::string& network) {
  return network.ends_with(".safetensors") || network.ends_with(".onnx") || network.ends_with(".xml");
}

std::optional<EngineKind> parse_engine_or_auto(const std::string& name) {
  return name == "auto" ? std::nullopt : std::optional(kEngineKinds.parse(name));
}

class NetworkBenchmark : public Subcommand {
 public:
  NetworkBenchmark() : Subcommand("benchmark", "Measure rates on this machine") {}

  std::string purpose() const override {
    return "Measures images a second, latency and memory of networks on this machine, several in turns so that the "
           "same noise meets all. Networks are model files, .onnx and .xml files of other programs too, or names of "
           "architectures with random weights.";
  }
  std::vector<Example> examples() const override {
    return {{"Measure a model file", "assemble benchmark --model runs/photos/best.safetensors"},
            {"Two networks in turns, one also in 8 bits",
             "assemble benchmark --arch resnet50 --compare assemble_resnet50 assemble_resnet50:int8"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("--model", model_, "Model file, or .onnx or .xml file of any program");
    app.add_option("--arch", arch_, "A network with random weights instead: an arch or a preset");
    app.add_option("--image-size", image_size_, "Side of the input, pixels; 0: the model's own, the preset's or 224")
        ->transform(side(0));
    app.add_option("--batch", batch_, "Images at once")->transform(at_least(1));
    app.add_option("--seconds", options_.seconds, "Time to measure, all networks together")->transform(positive());
    app.add_option("--warm-up", options_.warm_up, "Runs of each network before")->transform(at_least(0));
    app.add_option("--compare", compare_,
                   "More networks, in turns with the first: NETWORK[@SIZE][:PRECISION][:ENGINE], where NETWORK is a "
                   "file, also .onnx and .xml of others, an arch or a preset");
    app.add_flag("--plain", plain_, "Networks as they are written, without rewrites: to compare with");
    app.add_flag("!--no-peak", peak_, "Leave out the measurement of the machine's peak");
    inference_.declare(app);
  }

  void run() override {
    keep_freed_memory();
    std::vector<BenchmarkEntry> entries;
    for (const Subject& subject : subjects()) entries.push_back(open(subject));
    const size_t networks = entries.size();
    if (peak_) add_peaks(entries);
    const std::vector<BenchmarkResult> results = run_interleaved(entries, options_);
    for (size_t i = networks; i < results.size(); ++i) {
      peaks_[{results[i].precision, engines_[i]}] = results[i].multiply_adds_per_second;
    }
    report({results.begin(), results.begin() + static_cast<ptrdiff_t>(networks)});
  }

 private:
  Subject parse(const std::string& text) const {
    std::vector<std::string> parts = split(text, ':');
    Subject subject{parts.at(0), 0, inference_.precision, inference_.engine};
    if (parts.size() > 1 && !parts[1].empty()) subject.precision = parse_precision(parts[1]);
    if (parts.size() > 2 && !parts[2].empty()) subject.engine = parse_engine_or_auto(parts[2]);
    const size_t at = subject.network.rfind('@');
    if (at != std::string::npos) {
      const std::string size = subject.network.substr(at + 1);
      if (size.empty() || size.size() > 5 || size.find_first_not_of("0123456789") != std::string::npos) {
        throw UsageError("--compare", concat("'", size, "' is no size, in '", text, "'"),
                         "write NETWORK@256, for example");
      }
      subject.size = std::stoll(size);
      subject.network.resize(at);
    }
    return subject;
  }

  std::vector<Subject> subjects() const {
    if (model_.empty() == arch_.empty()) {
      throw UsageError("benchmark", "needs one of --model and --arch", "for example --arch assemble_resnet50");
    }
    std::vector<Subject> all{{model_.empty() ? arch_ : model_, image_size_, inference_.precision, inference_.engine}};
    for (const std::string& text : compare_) all.push_back(parse(text));
    return all;
  }

  BenchmarkEntry open(const Subject& subject) {
    InferenceOptions inference = inference_;
    inference.precision = subject.precision;
    inference.engine = subject.engine;
    const EngineOptions options = inference.engine_options(batch_);
    engines_.push_back(options.kind);
    const auto start = Clock::now();
    BenchmarkEntry entry = is_file(subject.network) ? open_file(subject, options) : make_random(subject, options);
    entry.start_seconds = seconds_since(start);
    entry.name =
        concat(subject.network, "@", entry.images->view().height, " ", precision_name(entry.engine->precision()), " ",
               kEngineKinds.name(options.kind), plain_ ? " plain" : "");
    return entry;
  }

  std::shared_ptr<const RandomImages> random_images(int64_t size) const {
    return std::make_shared<const RandomImages>(batch_, size);
  }

  /// Of a file's network for one image; 0 where the file does not tell.
  static int64_t multiply_adds_of(const std::string& file, int64_t size) {
    if (file.ends_with(".xml")) return 0;
    if (!file.ends_with(".onnx")) return read_multiply_adds(file, size);
    const Metadata metadata = read_onnx_metadata(file);
    const auto noted = metadata.find("multiply_adds");
    return noted == metadata.end() ? 0 : std::atoll(noted->second.c_str());
  }

  BenchmarkEntry open_file(const Subject& subject, EngineOptions options) const {
    options.image_size = subject.size;
    options.plain = plain_;
    options.foreign.assume = true;
    DeployedModel model = open_engine(subject.network, options);
    const int64_t size = subject.size > 0 ? subject.size : model.card.preprocessing.eval_size;
    return {"", std::move(model.engine), random_images(size), multiply_adds_of(subject.network, size), 0};
  }

  /// Speed does not depend on the weights, so random ones and ranges from noise will do.
  BenchmarkEntry make_random(const Subject& subject, const EngineOptions& options) const {
    const Graph traced =
        torch_backend(concat("the network ", subject.network)).trace_fresh(subject.network, subject.size);
    const auto images = random_images(traced.input().shape.at(1));
    Graph graph = plain_ ? traced : optimise(traced);
    if (options.precision == Precision::kInt8) {
      graph = quantise(pools_as_convolutions(optimise(traced)), {images->view()}, {}).graph;
    }
    return {"", make_engine(graph, options), images, traced.multiply_adds(), 0};
  }

  /// One measurement of the peak for each precision and engine in use.
  void add_peaks(std::vector<BenchmarkEntry>& entries) {
    const size_t networks = entries.size();
    std::map<std::pair<Precision, EngineKind>, bool> done;
    for (size_t i = 0; i < networks; ++i) {
      const Precision precision = entries[i].engine->precision();
      if (std::exchange(done[{precision, engines_[i]}], true)) continue;
      InferenceOptions inference = inference_;
      inference.engine = engines_[i];
      inference.precision = precision;
      const Graph graph = peak_graph(precision == Precision::kInt8);
      constexpr int64_t kBatch = 8;
      entries.push_back({"peak", make_engine(graph, inference.engine_options(kBatch)),
                         std::make_shared<const RandomImages>(kBatch, 16, 1.f), graph.multiply_adds(), 0});
      engines_.push_back(engines_[i]);
    }
  }

  void report(const std::vector<BenchmarkResult>& results) const {
    const double memory = peak_memory_mib();
    std::vector<std::vector<std::string>> rows{
        {"network", "images/s", "10-90 %", "ratio", "ms p50", "p95", "p99", "G MAC/s", "of peak %", "start s"}};
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (size_t i = 0; i < results.size(); ++i) {
      const BenchmarkResult& r = results[i];
      const auto peak = peaks_.find({r.precision, engines_[i]});
      const double share = peak == peaks_.end() ? 0 : r.multiply_adds_per_second / peak->second;
      list.push_back({{"network", r.name},
                      {"engine", r.description},
                      {"precision", precision_name(r.precision)},
                      {"batch", r.batch},
                      {"rounds", r.rounds},
                      {"images_per_second", r.images_per_second},
                      {"images_per_second_10_90", {r.lowest, r.highest}},
                      {"ratio", r.ratio},
                      {"latency_ms", {{"p50", r.p50}, {"p95", r.p95}, {"p99", r.p99}}},
                      {"start_seconds", r.start_seconds}});
      if (r.multiply_adds_per_second > 0) list.back()["multiply_adds_per_second"] = r.multiply_adds_per_second;
      if (share > 0) {
        list.back()["share_of_peak"] = share;
        list.back()["peak_multiply_adds_per_second"] = peak->second;
      }
      rows.push_back({r.name, format_number(r.images_per_second, 1),
                      format_number(r.lowest, 1) + "-" + format_number(r.highest, 1), format_number(r.ratio, 3),
                      format_number(r.p50, 2), format_number(r.p95, 2), format_number(r.p99, 2),
                      r.multiply_adds_per_second > 0 ? format_number(r.multiply_adds_per_second / 1e9, 0) : "-",
                      share > 0 ? format_number(100 * share, 1) : "-", format_number(r.start_seconds, 2)});
    }
    nlohmann::ordered_json json = list.front();
    json["peak_memory_mib"] = memory;
    json["cpu"] = cpu_name();
    if (list.size() > 1) json["compare"] = list;
    print(json, format_table(rows) + concat("batch ", batch_, ", ", results.front().rounds, " rounds; ",
                                            results.front().description, "; peak memory ", format_number(memory, 0),
                                            " MiB\n"));
  }

  std::string model_, arch_;
  int64_t image_size_ = 0;
  int64_t batch_ = 8;
  std::vector<std::string> compare_;
  bool plain_ = false, peak_ = true;
  InferenceOptions inference_;
  BenchmarkOptions options_;
  std::vector<EngineKind> engines_;  ///< of the entries
  std::map<std::pair<Precision, EngineKind>, double> peaks_;
};

}  // namespace

std::unique_ptr<Subcommand> make_network_benchmark() { return std::make_unique<NetworkBenchmark>(); }

}  // namespace assemble::cli
