// SPDX-License-Identifier: Apache-2.0
// Options in TOML files: every spelling is read, what effective_config() writes reads back equal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/file.h"
#include "assemble/core/text.h"
#include "common/choice_option.h"
#include "common/command_line.h"
#include "common/config.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

enum class Letter { kA, kB };
constexpr auto kLetters = choices<Letter>("letter", {{Letter::kA, "alpha"}, {Letter::kB, "beta"}});

/// Options of every kind, in a command and in a subcommand.
struct Options {
  std::string text = "default", saved;
  int64_t whole = 7;
  uint64_t seed = 0;
  double real = 0.25;
  Letter choice = Letter::kA;
  bool flag = false, negated = true, sub_parsed = false;
  std::vector<std::string> texts, names;
  std::vector<double> reals;
  int64_t inner = 1;
};

class InnerCommand : public Subcommand {
 public:
  explicit InnerCommand(Options& options) : Subcommand("sub", "A subcommand"), options_(options) {}
  void declare(CLI::App& app) override {
    app.add_option("--inner", options_.inner, "A number in it");
    app.add_option("--text", options_.text, "A text of both");
  }
  void run() override { options_.sub_parsed = true; }

 private:
  Options& options_;
};

class ProbeCommand : public Subcommand {
 public:
  explicit ProbeCommand(Options& options) : Subcommand("probe", "Options\nof every kind"), options_(options) {
    add(std::make_unique<InnerCommand>(options));
  }
  void declare(CLI::App& app) override {
    app.add_option("--text", options_.text, "A text");
    app.add_option("--whole-number,--alias", options_.whole, "A whole number")->group("Numbers");
    app.add_option("--seed", options_.seed, "Without sign")->group("Numbers");
    app.add_option("--real", options_.real, "A number")->check(CLI::Range(0.0, 1e9))->group("Numbers");
    add_choice(app, "--choice", options_.choice, kLetters, "A letter");
    app.add_flag("--flag", options_.flag, "A flag");
    app.add_flag("!--no-negated", options_.negated, "A flag that takes away");
    app.add_option("--texts", options_.texts, "Several texts")->default_str("");
    app.add_option("--reals", options_.reals, "Two numbers")->expected(2)->default_str("");
    app.add_option("names", options_.names, "Names, by position")->default_str("");
    app.add_option("--env", environment_, "From the environment")->envname("ASSEMBLE_CONFIG_TEST");
  }
  void run() override { options_.saved = effective_config(app()); }

 private:
  Options& options_;
  std::string environment_;
};

class Config : public testing::Test {
 protected:
  int run(std::vector<std::string> arguments) {
    options_ = {};
    Program program;
    program.commands.push_back(std::make_unique<ProbeCommand>(options_));
    arguments.insert(arguments.begin(), "probe");
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    const int status = run_command_line(program, arguments);
    output_ = testing::internal::GetCapturedStdout();
    error_ = testing::internal::GetCapturedStderr();
    return status;
  }
  std::string file(std::string_view text, const std::string& name = "c.toml") {
    write_file(folder_ / name, text);
    return (folder_ / name).string();
  }
  void read(std::string_view text) { EXPECT_EQ(run({"--config", file(text)}), 0) << text << error_; }
  /// The message with which a file is refused.
  std::string refusal(std::string_view text, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"--config", file(text)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(run(arguments), 2) << text;
    return error_;
  }

  test::TemporaryFolder folder_;
  Options options_;
  std::string output_, error_;
};

TEST_F(Config, ReadsEverySpelling) {
  read(
      "text = 'C:\\new # 1' # comment\nwhole_number = 0x1F\nreal = 1_000.5e-1\nflag = true\n"
      "texts = [ \"a, b\", # comment\n  '[c]',\n]\nreals = [1, 2e0]\nseed = \"18446744073709551615\"\n");
  EXPECT_EQ(options_.text, "C:\\new # 1");
  EXPECT_EQ(options_.whole, 31);
  EXPECT_EQ(options_.real, 100.05);
  EXPECT_TRUE(options_.flag);
  EXPECT_THAT(options_.reals, ElementsAre(1, 2));
  EXPECT_EQ(options_.seed, UINT64_MAX);
  read("\xEF\xBB\xBFtext = \"\"\"\ntwo\nlines\"\"\"\r\nwhole-number = 9\r\ntexts = 'one'\r\nno-negated = true\r\n");
  EXPECT_EQ(options_.text, "two\nlines");
  EXPECT_EQ(options_.whole, 9);
  EXPECT_THAT(options_.texts, ElementsAre("one"));
  EXPECT_FALSE(options_.negated);
  read("choice = 'beta'");
  EXPECT_EQ(options_.choice, Letter::kB);
  EXPECT_THAT(options_.saved, HasSubstr("\n# A letter\nchoice=\"beta\"\n"));
  read("text = 1e5\nalias = 3\nno-negated = false\nnames = ['a', 'b']\n");
  EXPECT_EQ(options_.text, "1e5") << "a folder named like a number";
  EXPECT_EQ(options_.whole, 3);
  EXPECT_TRUE(options_.negated);
  EXPECT_THAT(options_.names, ElementsAre("a", "b"));
}

TEST_F(Config, FlagsWinAndLaterFilesWin) {
  const std::string first = file("text = 'first'\nwhole-number = 1\nreal = 1\n", "1.toml");
  const std::string second = file("text = 'second'\nwhole-number = 2\n", "2.toml");
  ASSERT_EQ(run({"--config", first, "--whole-number", "3", "--recipe", second}), 0) << error_;
  EXPECT_EQ(options_.text, "second");
  EXPECT_EQ(options_.whole, 3);
  EXPECT_EQ(options_.real, 1);
}

TEST_F(Config, TablesAreSubcommands) {
  const std::string config = file("text = 'outer'\n[sub]\ninner = 5\n");
  ASSERT_EQ(run({"--config", config, "sub"}), 0) << error_;
  EXPECT_EQ(options_.inner, 5);
  EXPECT_EQ(options_.text, "outer");
  ASSERT_EQ(run({"--config", file("sub.inner = 6"), "sub", "--inner", "8"}), 0) << error_;
  EXPECT_EQ(options_.inner, 8);
  // A subcommand that was not asked for neither runs nor sets what it shares.
  ASSERT_EQ(run({"--config", file("sub = { inner = 6, text = 'inner' }")}), 0) << error_;
  EXPECT_FALSE(options_.sub_parsed);
  EXPECT_EQ(options_.text, "default");
}

TEST_F(Config, ErrorsSayWhereAndWhatIsMeant) {
  EXPECT_THAT(refusal("text = 'a'\nreall = 1\n"), HasSubstr("c.toml:2:9: unknown key 'reall' (did you mean --real?)"));
  EXPECT_THAT(refusal("inner = 1"), HasSubstr("write it below [sub]"));
  EXPECT_THAT(refusal("[subb]\ninner = 1"), HasSubstr("unknown table 'subb'"));
  EXPECT_THAT(refusal("[text]\ninner = 1"), HasSubstr("'text' is an option, not a table"));
  EXPECT_THAT(refusal("whole-number = 1\nwhole_number = 2\n"), HasSubstr("c.toml:2:16: 'whole_number' was set before"));
  EXPECT_THAT(refusal("whole-number = 1\nalias = 2\n"), HasSubstr("was set before"));
  EXPECT_THAT(refusal("json = true"), HasSubstr("'json' is no key of a configuration (give --json"));
  EXPECT_THAT(refusal("config = 'x'"), HasSubstr("is no key of a configuration"));
  EXPECT_THAT(refusal("flag = 1"), HasSubstr("'flag' is 1, expected true or false"));
  EXPECT_THAT(refusal("real = true"), HasSubstr("'real' is true, expected a number"));
  EXPECT_THAT(refusal("text = 2024-01-01"), HasSubstr("'text' is 2024-01-01, expected a string (put it in quotes)"));
  EXPECT_THAT(refusal("text = ['a']"), HasSubstr("'text' takes one value, not an array"));
  EXPECT_THAT(refusal("texts = []"), HasSubstr("is an empty array"));
  EXPECT_THAT(refusal("real = -1"), HasSubstr("c.toml:1:8: --real: "));
  EXPECT_THAT(refusal("real = 'many'"), HasSubstr("c.toml:1:8: "));
  EXPECT_THAT(refusal("choice = 'bet'"),
              HasSubstr("c.toml:1:10: --choice: 'bet' is unknown, expected alpha or beta (did you mean beta?)"));
  EXPECT_THAT(refusal("reals = [1, 2, 3]"), HasSubstr("c.toml:1:9: --reals: "));
  EXPECT_THAT(refusal("real = .5"), HasSubstr("c.toml:1:8: "));
  EXPECT_THAT(refusal(std::string_view("\xFF\xFE\x61\0", 4)), HasSubstr("UTF-16"));
  EXPECT_EQ(run({"--config", folder_.path().string()}), 2);
  EXPECT_THAT(error_, HasSubstr("is a folder"));
  // Asking for help helps, whatever the file holds.
  EXPECT_EQ(run({"--config", file("reall = 1"), "--help"}), 0);
  EXPECT_THAT(output_, HasSubstr("--real"));
}

TEST_F(Config, TheEnvironmentWinsOverFiles) {
  setenv("ASSEMBLE_CONFIG_TEST", "given", 1);
  read("env = 'file'\n");
  EXPECT_THAT(options_.saved, HasSubstr("env=\"given\""));
  unsetenv("ASSEMBLE_CONFIG_TEST");
  read("env = 'file'\n");
  EXPECT_THAT(options_.saved, HasSubstr("env=\"file\""));
}

TEST_F(Config, WhatIsSavedReadsBackEqual) {
  const std::vector<std::string> texts{
      "plain",  "it's here", "say \"hi\"", "both ' and \"", "a #1 set", "x, y=z; {q}", "[x]",    "back\\slash",
      "new\\n", "tab\tx",    "line\nfeed", "007",           "1e5",      "true",        ".5",     "0x10",
      "",       " lead",     "trail ",     "'quoted'",      "\"dq\"",   "üñï",         "l\xE9t", "\U0010FF90",
      "--text", "=",         "'''",        "\"\"\"",        "nan",      "2024-01-01",  "\\"};
  for (const std::string& text : texts) {
    std::vector<std::string> arguments{"--texts", "x" + text, "--real", "0.1", "--text=" + text};
    if (text.empty()) arguments.back() = "--text", arguments.push_back("");
    ASSERT_EQ(run(arguments), 0) << text << error_;
    ASSERT_EQ(options_.text, text);
    const Options given = options_;
    read(given.saved);
    EXPECT_EQ(options_.text, text);
    EXPECT_EQ(options_.texts, given.texts) << text;
    EXPECT_EQ(options_.saved, given.saved);
  }
}

TEST_F(Config, NumbersReadBackEqual) {
  for (const char* number : {".1", "5.", "+3", "1E5", "1e-5", "0.1", "123456789.125", "0.30000000000000004", "1e8"}) {
    ASSERT_EQ(run({"--real", number, "--reals", number, "-0", "--seed", "18446744073709551615"}), 0) << error_;
    const Options given = options_;
    read(given.saved);
    EXPECT_EQ(options_.real, given.real) << given.saved;
    EXPECT_EQ(options_.reals, given.reals);
    EXPECT_EQ(options_.seed, UINT64_MAX);
  }
  ASSERT_EQ(run({"--flag", "--no-negated", "--whole-number", "-5"}), 0);
  const Options given = options_;
  read(given.saved);
  EXPECT_TRUE(options_.flag);
  EXPECT_FALSE(options_.negated);
  EXPECT_EQ(options_.whole, -5);
}

TEST_F(Config, TheSavedFileExplainsItself) {
  ASSERT_EQ(run({"--whole-number", "8", "--texts", "one"}), 0);
  EXPECT_THAT(options_.saved, testing::StartsWith("# Options\n# of every kind\n\n# A text\ntext=\"default\"\n"));
  EXPECT_THAT(options_.saved, HasSubstr("\n# Several texts\ntexts=[\"one\"]\n"));
  EXPECT_THAT(options_.saved, HasSubstr("\n# Numbers:\n\n# A whole number\nwhole-number=8\n"));
  EXPECT_THAT(options_.saved, testing::Not(HasSubstr("reals=")));
}

TEST_F(Config, FilesOfVersion01AreRead) {
  read(
      "# Train or fine-tune\n\n# A text\ntext=\"C:\\new #1, [x]\"\n\n# Numbers Options\n\n# A number\nreal=.5\n"
      "whole-number=8\nflag=true\nreals=[.5, 1.]\ntexts=[\"a b\", 'say \"hi\"', 007, true]\n");
  EXPECT_EQ(options_.text, "C:\\new #1, [x]");
  EXPECT_EQ(options_.real, 0.5);
  EXPECT_EQ(options_.whole, 8);
  EXPECT_TRUE(options_.flag);
  EXPECT_THAT(options_.reals, ElementsAre(0.5, 1));
  EXPECT_THAT(options_.texts, ElementsAre("a b", "say \"hi\"", "007", "true"));
  read("# A text\ntext='it's \"both\"'\n\n# Numbers Options\n\n");
  EXPECT_EQ(options_.text, "it's \"both\"");
  read("\n# Numbers Options\n\ntext=007\n");
  EXPECT_EQ(options_.text, "007");
}

}  // namespace
}  // namespace assemble::cli
