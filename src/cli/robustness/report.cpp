// SPDX-License-Identifier: Apache-2.0
#include "assemble/report/report.h"
#include "assemble/core/error.h"
#include "common/outputs.h"
#include "robustness/robustness.h"

namespace assemble::cli {
namespace {

class ReportMeasure : public Subcommand {
 public:
  ReportMeasure() : Subcommand("report", "One page that shows the results of several runs side by side") {}

  std::string purpose() const override {
    return "Puts the results of several runs of `robustness c` and `robustness p` on one page, side by side.";
  }
  std::vector<Example> examples() const override {
    return {{"Compare all that were measured", "assemble robustness report robust/*/result.json --out compared.html"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("results", results_, "result.json of runs of 'robustness c' and 'robustness p'")->required();
    app.add_option("--out", out_, "The page, an .html file")->required();
  }

  void run() override {
    prepare_output_file("--out", out_, results_);
    std::vector<nlohmann::ordered_json> results;
    for (const std::string& path : results_) {
      const nlohmann::ordered_json result = read_result(path);
      const bool several = result.contains("models") && result["models"].is_array();
      for (const nlohmann::ordered_json& one : several ? result["models"] : nlohmann::ordered_json::array({result})) {
        if (!one.contains("measured")) {
          throw InputError(path, "holds no results", "expected the result.json of 'robustness c' or 'robustness p'");
        }
        results.push_back(one);
      }
    }
    write_file(out_, std::string_view(robustness_report(results)));
    print({{"out", out_}, {"results", results_}}, "wrote " + out_ + "\n");
  }

 private:
  std::vector<std::string> results_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Subcommand> make_report_measure() { return std::make_unique<ReportMeasure>(); }

}  // namespace assemble::cli
