// SPDX-License-Identifier: Apache-2.0
#include "benchmark.h"

namespace assemble::cli {
namespace {

class BenchmarkCommand : public Command {
 public:
  BenchmarkCommand() {
    benchmarks_.push_back(make_corrupt_benchmark());
    benchmarks_.push_back(make_data_benchmark());
  }

  std::string name() const override { return "benchmark"; }
  std::string summary() const override { return "Measure rates on this machine"; }

  void declare(CLI::App& app) override {
    app.require_subcommand(0, 1);
    network_->declare(app);
    for (const auto& benchmark : benchmarks_) {
      benchmark->declare(*app.add_subcommand(benchmark->name(), benchmark->summary()));
    }
  }

  void run() override {
    Benchmark* chosen = network_.get();
    for (const auto& benchmark : benchmarks_) {
      if (app->got_subcommand(benchmark->name())) chosen = benchmark.get();
    }
    const Benchmark::Result result = chosen->run();
    print(result.json, result.text);
  }

 private:
  std::unique_ptr<Benchmark> network_ = make_network_benchmark();
  std::vector<std::unique_ptr<Benchmark>> benchmarks_;
};

}  // namespace

std::unique_ptr<Command> make_benchmark_command() { return std::make_unique<BenchmarkCommand>(); }

}  // namespace assemble::cli
