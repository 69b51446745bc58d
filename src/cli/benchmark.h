// SPDX-License-Identifier: Apache-2.0
// The measurements of `assemble benchmark`, picked by its first word.
#pragma once

#include "assemble/cli/command.h"

namespace assemble::cli {

class Benchmark {
 public:
  struct Result {
    nlohmann::ordered_json json;
    std::string text;
  };

  virtual ~Benchmark() = default;
  virtual std::string name() const = 0;
  virtual std::string summary() const = 0;
  virtual void declare(CLI::App& app) = 0;
  virtual Result run() = 0;
};

/// Throughput and latency of networks: `assemble benchmark` without a first word.
std::unique_ptr<Benchmark> make_network_benchmark();
std::unique_ptr<Benchmark> make_corrupt_benchmark();
std::unique_ptr<Benchmark> make_data_benchmark();

}  // namespace assemble::cli
