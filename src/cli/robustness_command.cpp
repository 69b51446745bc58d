// SPDX-License-Identifier: Apache-2.0
#include "robustness.h"

namespace assemble::cli {
namespace {

class RobustnessCommand : public Command {
 public:
  RobustnessCommand() {
    measures_.push_back(make_corruption_measure());
    measures_.push_back(make_perturbation_measure());
    measures_.push_back(make_shift_measure());
    measures_.push_back(make_report_measure());
  }

  std::string name() const override { return "robustness"; }
  std::string summary() const override { return "Measure robustness: mCE, mFR, calibration, shift consistency"; }

  void declare(CLI::App& app) override {
    app.require_subcommand(1);
    for (const auto& measure : measures_) measure->declare(*app.add_subcommand(measure->name(), measure->summary()));
  }

  void run() override {
    for (const auto& measure : measures_) {
      if (!app->got_subcommand(measure->name())) continue;
      const Measure::Result result = measure->run();
      print(result.json, result.text);
    }
  }

 private:
  std::vector<std::unique_ptr<Measure>> measures_;
};

}  // namespace

std::unique_ptr<Command> make_robustness_command() { return std::make_unique<RobustnessCommand>(); }

}  // namespace assemble::cli
