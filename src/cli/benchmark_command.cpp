// SPDX-License-Identifier: Apache-2.0
#include "benchmark.h"

namespace assemble::cli {
namespace {

class BenchmarkCommand : public Command {
 public:
  BenchmarkCommand() { benchmarks_.push_back(make_data_benchmark()); }

  std::string name() const override { return "benchmark"; }
  std::string summary() const override { return "Measure rates on this machine"; }

  void declare(CLI::App& app) override {
    app.require_subcommand(1);
    for (const auto& benchmark : benchmarks_) {
      benchmark->declare(*app.add_subcommand(benchmark->name(), benchmark->summary()));
    }
  }

  void run() override {
    for (const auto& benchmark : benchmarks_) {
      if (!app->got_subcommand(benchmark->name())) continue;
      const Benchmark::Result result = benchmark->run();
      print(result.json, result.text);
    }
  }

 private:
  std::vector<std::unique_ptr<Benchmark>> benchmarks_;
};

}  // namespace

std::unique_ptr<Command> make_benchmark_command() { return std::make_unique<BenchmarkCommand>(); }

}  // namespace assemble::cli
