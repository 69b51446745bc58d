// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/report/report.h"
#include "outputs.h"
#include "robustness.h"

namespace assemble::cli {
namespace {

class ReportMeasure : public Measure {
 public:
  std::string name() const override { return "report"; }
  std::string summary() const override { return "One page that shows the results of several runs side by side"; }

  void declare(CLI::App& app) override {
    app.add_option("results", results_, "result.json of runs of 'robustness c' and 'robustness p'")->required();
    app.add_option("--out", out_, "The page, an .html file")->required();
  }

  Result run() override {
    prepare_output_file("--out", out_, results_);
    std::vector<nlohmann::ordered_json> results;
    for (const std::string& path : results_) {
      results.push_back(read_result(path));
      if (!results.back().contains("measured")) {
        throw InputError(path, "holds no results", "expected the result.json of 'robustness c' or 'robustness p'");
      }
    }
    write_file(out_, std::string_view(robustness_report(results)));
    return {{{"out", out_}, {"results", results_}}, "wrote " + out_ + "\n"};
  }

 private:
  std::vector<std::string> results_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Measure> make_report_measure() { return std::make_unique<ReportMeasure>(); }

}  // namespace assemble::cli
