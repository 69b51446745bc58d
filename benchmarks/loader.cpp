// SPDX-License-Identifier: Apache-2.0
// Rate and memory of the loader alone: reads a data set again and again and reports resident memory after each pass.
#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "assemble/data/loader.h"

using namespace assemble;

namespace {

/// Resident memory now, MiB.
double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  long pages = 0, resident = 0;
  statm >> pages >> resident;
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Rate and memory of the loader");
  std::string data, preprocessing = "imagenet";
  int64_t passes = 5;
  LoaderOptions options;
  bool evaluation = false;
  app.add_option("--data", data)->required();
  app.add_option("--preprocessing", preprocessing);
  app.add_option("--passes", passes);
  app.add_option("--batch-size", options.batch_size);
  app.add_option("--threads", options.threads);
  app.add_option("--prefetch", options.prefetch);
  app.add_flag("--evaluation", evaluation);
  CLI11_PARSE(app, argc, argv);
  try {
    options.training = !evaluation;
    options.preprocessing = Preprocessing::from_type(preprocessing);
    const auto dataset = open_dataset(data, Split::kTrain);
    Loader loader(*dataset, options);
    nlohmann::json resident = nlohmann::json::array(), rates = nlohmann::json::array();
    Batch batch;
    int64_t images = 0;
    for (int64_t pass = 0; pass < passes; ++pass) {
      const auto start = std::chrono::steady_clock::now();
      loader.start(pass);
      int64_t in_pass = 0;
      while (loader.next(batch)) in_pass += batch.size;
      rates.push_back(static_cast<double>(in_pass) /
                      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      resident.push_back(resident_mib());
      images += in_pass;
    }
    std::cout << nlohmann::json{{"images", images},
                                {"images_per_second", rates},
                                {"resident_mib", resident},
                                {"peak_memory_mib", peak_memory_mib()}}
              << std::endl;
  } catch (const Error& error) {
    std::cerr << error.what() << std::endl;
    return static_cast<int>(error.code());
  }
}
