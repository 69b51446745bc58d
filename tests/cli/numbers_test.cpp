// SPDX-License-Identifier: Apache-2.0
#include "../../src/cli/numbers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/cli/command.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using testing::HasSubstr;

std::string refusal(const CLI::Validator& validator, std::string text) { return validator(text); }

std::string taken(const CLI::Validator& validator, std::string text) {
  EXPECT_EQ(validator(text), "") << text;
  return text;
}

TEST(Numbers, WholeOnesAreDecimalAndInTheirRange) {
  EXPECT_EQ(taken(thread_count(), "010"), "10");
  EXPECT_EQ(taken(thread_count(), "+3"), "3");
  EXPECT_EQ(taken(seed(), "18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(refusal(thread_count(), "-1"), "-1 is out of range, expected a whole number in 0 … 1024");
  EXPECT_EQ(refusal(side(0), "99999999999999999999"),
            "99999999999999999999 is out of range, expected a whole number in 0 … 65535");
  EXPECT_EQ(refusal(whole(1, 5), "9"), "9 is out of range, expected a whole number in 1 … 5");
  for (const char* text : {"", " ", "1.5", "1e3", "0x10", "nan", "5 ", "--5", "five"}) {
    EXPECT_THAT(refusal(at_least(0), text), HasSubstr("is no whole number")) << text;
  }
  EXPECT_THAT(refusal(seed(), "-1"), HasSubstr("is no whole number"));
}

TEST(Numbers, RealOnesAreFiniteAndInTheirRange) {
  EXPECT_EQ(taken(share(), ".5"), ".5");
  EXPECT_EQ(taken(positive(), "1e-9"), "1e-9");
  for (const char* text : {"nan", "-nan", "inf", "1e31", "1e999", "0", "-1"}) {
    EXPECT_THAT(refusal(positive(), text), HasSubstr("out of range, expected a number above 0")) << text;
  }
  for (const char* text : {"nan", "1.0001", "-0.1"}) {
    EXPECT_THAT(refusal(share(), text), HasSubstr("out of range, expected a number in 0 … 1")) << text;
  }
  for (const char* text : {"", "0x1p3", "1,5", "half"}) {
    EXPECT_THAT(refusal(not_negative(), text), HasSubstr("is no number")) << text;
  }
}

/// Options of an app and its subcommands.
std::vector<CLI::Option*> options_of(CLI::App& app) {
  std::vector<CLI::Option*> options = app.get_options(nullptr);
  for (CLI::App* child : app.get_subcommands(std::function<bool(CLI::App*)>())) {
    const std::vector<CLI::Option*> more = options_of(*child);
    options.insert(options.end(), more.begin(), more.end());
  }
  return options;
}

TEST(Numbers, EveryNumericOptionOfEveryCommandHasARange) {
  int numeric = 0;
  for (const auto make : {make_benchmark_command, make_convert_command, make_corrupt_command, make_dataset_command,
                          make_demo_command, make_eval_command, make_export_command, make_forward_command,
                          make_model_command, make_perturb_command, make_predict_command, make_preprocess_command,
                          make_robustness_command, make_teach_command, make_train_command}) {
    const std::unique_ptr<Command> command = make();
    CLI::App app;
    command->declare(app);
    for (CLI::Option* option : options_of(app)) {
      const std::string type = option->get_type_name();
      if (!type.starts_with("INT") && !type.starts_with("UINT") && !type.starts_with("FLOAT")) continue;
      ++numeric;
      for (const char* value : {"-99999999", "1e30", "nan", "99999999999999999999", "-99999999999999999999", "x"}) {
        const bool is_rate = type.starts_with("FLOAT") && std::string(value) == "99999999999999999999";
        const bool is_large = type.starts_with("FLOAT") && std::string(value) == "1e30";
        if (is_rate || is_large) continue;
        const size_t count = static_cast<size_t>(std::max(option->get_items_expected_min(), 1));
        option->clear();
        option->add_result(std::vector<std::string>(count, value));
        const std::string error = test::error_of<CLI::ValidationError>([&] { option->run_callback(); });
        EXPECT_THAT(error, HasSubstr(option->get_name())) << command->name() << " " << value;
        EXPECT_THAT(error, HasSubstr("expected")) << command->name() << " " << value;
      }
    }
  }
  EXPECT_GT(numeric, 120);
}

TEST(Numbers, AreRefusedByTheOptionsName) {
  for (const auto& [arguments, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"export", "--model", "m", "--out", "m.onnx", "--image-size", "-3"}, "--image-size: -3 is out of range"},
           {{"corrupt", "--data", "d", "--out", "o", "--resize", "-1"}, "--resize: -1 is out of range"},
           {{"corrupt", "--data", "d", "--out", "o", "--severities", "1,9"}, "--severities: 9 is out of range"},
           {{"predict", "--model", "m", "i", "--top", "0"}, "--top: 0 is out of range"},
           {{"train", "--data", "d", "--out", "o", "--lr", "nan"}, "--lr: nan is out of range"}}) {
    std::vector<std::unique_ptr<Command>> commands;
    commands.push_back(make_export_command());
    commands.push_back(make_corrupt_command());
    commands.push_back(make_predict_command());
    commands.push_back(make_train_command());
    testing::internal::CaptureStderr();
    EXPECT_EQ(run_command_line(commands, arguments), 2);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace assemble::cli
