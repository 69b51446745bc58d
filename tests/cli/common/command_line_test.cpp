// SPDX-License-Identifier: Apache-2.0
#include "common/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "common/commands.h"
#include "common/hooks.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// A program's answer, in this process.
struct Answer {
  int status = -1;
  std::string output, error;
};

Answer run(const Program& program, const std::vector<std::string>& arguments) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Answer answer;
  answer.status = run_command_line(program, arguments);
  answer.error = testing::internal::GetCapturedStderr();
  answer.output = testing::internal::GetCapturedStdout();
  return answer;
}

/// Needs LibTorch with --torch, before or after its result is out.
class Probe : public Subcommand {
 public:
  explicit Probe(const std::string& name) : Subcommand(name, "A probe") {}
  void declare(CLI::App& app) override {
    app.add_flag("--torch", torch_, "Needs LibTorch");
    app.add_flag("--late", late_, "Prints first");
  }
  void run() override {
    if (torch_ && !late_) throw NeedsTorch("--torch");
    print({{"name", name()}}, "I am " + name() + "\n");
    if (torch_) throw NeedsTorch("--torch");
  }

 private:
  bool torch_ = false, late_ = false;
};

/// A program of one command with a subcommand, which counts what it hands over.
class CommandLine : public testing::Test {
 protected:
  CommandLine() {
    auto probe = std::make_unique<Probe>("probe");
    probe->add(std::make_unique<Probe>("inner"));
    program_.commands.push_back(std::move(probe));
    auto group = std::make_unique<SubcommandGroup>("group", "A group", "Holds another");
    group->add(std::make_unique<Probe>("inner"));
    program_.commands.push_back(std::move(group));
    program_.commands.push_back(make_command_elsewhere("train"));
    program_.hand_over = [this](const NeedsTorch& need, const std::vector<std::string>& arguments) {
      need_ = need.where();
      handed_over_ = arguments;
      return 42;
    };
  }

  Program program_;
  std::string need_;
  std::vector<std::string> handed_over_;
};

TEST_F(CommandLine, TheNextWordPicksASubcommand) {
  EXPECT_EQ(run(program_, {"probe"}).output, "I am probe\n");
  EXPECT_EQ(run(program_, {"probe", "inner"}).output, "I am inner\n");
  EXPECT_EQ(run(program_, {"probe", "inner", "--json"}).output, "{\n  \"name\": \"inner\"\n}\n");
  EXPECT_EQ(run(program_, {"--version"}).output.rfind("assemble ", 0), 0u);
  const Answer without = run(program_, {"group"});
  EXPECT_EQ(without.status, 2);
  EXPECT_EQ(without.output, "");
  EXPECT_EQ(run(program_, {"group", "inner"}).output, "I am inner\n");
}

TEST_F(CommandLine, WorkThatNeedsTorchIsHandedOverWithAllItsArguments) {
  const Answer answer = run(program_, {"probe", "--quiet", "inner", "--torch"});
  EXPECT_EQ(answer.status, 42);
  EXPECT_EQ(answer.output + answer.error, "");
  EXPECT_EQ(need_, "--torch");
  EXPECT_THAT(handed_over_, ElementsAre("probe", "--quiet", "inner", "--torch"));
}

TEST_F(CommandLine, OnceSomethingIsPrintedNothingIsHandedOver) {
  const Answer answer = run(program_, {"probe", "--torch", "--late"});
  EXPECT_EQ(answer.status, 2);
  EXPECT_EQ(answer.output, "I am probe\n");
  EXPECT_THAT(answer.error, StartsWith("assemble: error: --torch: needs LibTorch"));
  EXPECT_TRUE(handed_over_.empty());
}

TEST_F(CommandLine, ACommandElsewhereIsHandedOverUnparsed) {
  EXPECT_EQ(run(program_, {"train", "--no-such-flag", "--help"}).status, 42);
  EXPECT_THAT(handed_over_, ElementsAre("train", "--no-such-flag", "--help"));
  EXPECT_EQ(need_, "train");
}

TEST_F(CommandLine, WithoutAnotherProgramTheErrorSaysWhatNeedsIt) {
  program_.hand_over = nullptr;
  const Answer answer = run(program_, {"probe", "--torch"});
  EXPECT_EQ(answer.status, 2);
  EXPECT_THAT(answer.error, StartsWith("assemble: error: --torch: needs LibTorch"));
  EXPECT_THAT(answer.error, HasSubstr("assemble-torch"));
}

TEST_F(CommandLine, OtherErrorsAreDescribedByTheProgram) {
  class Failing : public Subcommand {
   public:
    Failing() : Subcommand("fail", "Fails") {}
    void run() override { throw std::runtime_error("too long to read"); }
  };
  program_.commands.push_back(std::make_unique<Failing>());
  EXPECT_EQ(run(program_, {"fail"}).error, "assemble: error: too long to read\n");
  program_.describe = [](const std::exception&) { return std::string("short"); };
  const Answer answer = run(program_, {"fail"});
  EXPECT_EQ(answer.status, 4);
  EXPECT_EQ(answer.error, "assemble: error: short\n");
}

TEST_F(CommandLine, ErrorsAndWarningsOfTheLibraryShowFlags) {
  class Checking : public Subcommand {
   public:
    Checking() : Subcommand("check", "Checks") {}
    void declare(CLI::App& app) override { app.add_option("--batch-size", batch_size_); }
    void run() override {
      log_warning("`batch_size` has no effect with `strict`");
      throw UsageError("`batch_size` 0", "is out of range", "raise `batch_size`");
    }

   private:
    int batch_size_ = 0;
  };
  program_.commands.push_back(std::make_unique<Checking>());
  const Answer answer = run(program_, {"check"});
  EXPECT_EQ(answer.status, 2);
  EXPECT_EQ(answer.error,
            "warning: --batch-size has no effect with `strict`\n"
            "assemble: error: --batch-size 0: is out of range (raise --batch-size)\n");
  testing::internal::CaptureStderr();
  log_warning("`batch_size`");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning: `batch_size`\n") << "the command's sink went with it";
}

TEST_F(CommandLine, WhatIsMisspeltIsSaidBeforeWhatIsMissing) {
  class Strict : public Subcommand {
   public:
    Strict() : Subcommand("strict", "Needs a model") {}
    void declare(CLI::App& app) override {
      app.add_option("--model", model_)->required();
      app.add_option("images", images_)->required();
    }
    void run() override { print({}, "done\n"); }

   private:
    std::string model_;
    std::vector<std::string> images_;
  };
  program_.commands.push_back(std::make_unique<Strict>());
  const auto error = [&](const std::vector<std::string>& arguments) {
    const Answer answer = run(program_, arguments);
    EXPECT_EQ(answer.status, 2);
    EXPECT_EQ(answer.output, "");
    return answer.error;
  };
  const std::string unexpected = "assemble: error: '--modle' was not expected (did you mean --model?)\n";
  EXPECT_EQ(error({"strict", "--modle", "m", "a.png"}), unexpected);
  EXPECT_EQ(error({"strict", "--model", "m", "a.png", "--modle", "n"}), unexpected);
  EXPECT_EQ(error({"strict", "--modle"}), unexpected);
  EXPECT_EQ(error({"strict", "a.png", "--zzz=3"}), "assemble: error: '--zzz=3' was not expected (see --help)\n");
  EXPECT_THAT(error({"strict", "a.png"}), HasSubstr("--model is required (see --help)"));
  EXPECT_EQ(error({"group", "q"}), "assemble: error: unknown subcommand 'q', expected one of inner\n");
  EXPECT_EQ(error({"group", "iner", "--json"}),
            "assemble: error: unknown subcommand 'iner', expected one of inner (did you mean inner?)\n");
  EXPECT_EQ(error({"group"}), "assemble: error: a subcommand is required, one of inner\n");
  EXPECT_EQ(error({"probe", "iner"}), "assemble: error: 'iner' was not expected (did you mean inner?)\n");
  EXPECT_THAT(error({"group", "--no-such-flag"}), HasSubstr("'--no-such-flag' was not expected"));
  EXPECT_THAT(error({"group", "--late"}),
              HasSubstr("'--late' was not expected (it is an option of assemble group inner)"));
  EXPECT_THAT(error({"group", "inner", "--lat"}), HasSubstr("'--lat' was not expected (did you mean --late?)"));
}

TEST(AssembleCommands, RefuseDevicesThatThereAreNot) {
  const Program program{.commands = all_commands({}, make_command_elsewhere)};
  for (const char* device : {"gpu", "cuda:", "cuda:x", "CPU", "cuda:1234", ""}) {
    const Answer answer = run(program, {"predict", "--model", "m.safetensors", "--device", device, "photo.jpg"});
    EXPECT_EQ(answer.status, 2);
    EXPECT_THAT(answer.error, HasSubstr("expected auto, cpu, cuda or cuda:N")) << device;
  }
}

TEST(AssembleCommands, AreListedWhereverTheyAre) {
  const Program program{.commands = all_commands({}, make_command_elsewhere)};
  const Answer without = run(program, {});
  EXPECT_EQ(without.status, 2);
  const Answer help = run(program, {"--help"});
  EXPECT_EQ(help.output, without.error);
  for (const char* name : {"train", "demo", "model", "convert", "forward", "predict", "eval", "robustness"}) {
    EXPECT_THAT(help.output, HasSubstr(std::string("\n  ") + name + " ")) << name;
  }
  EXPECT_THAT(help.output, HasSubstr("on a data set *\n")) << "train, which is elsewhere, is marked";
  EXPECT_EQ(run(program, {"help"}).output, help.output);
  EXPECT_THAT(help.output, HasSubstr("\n* needs LibTorch: the program assemble-torch"));
  EXPECT_THAT(help.output, HasSubstr("what pays *\n"));
  EXPECT_THAT(help.output, testing::Not(HasSubstr("probabilities *")));
  const Answer unknown = run(program, {"trian"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.error, HasSubstr("unknown command 'trian'"));
  EXPECT_THAT(unknown.error, HasSubstr("did you mean train?"));
}

}  // namespace
}  // namespace assemble::cli
