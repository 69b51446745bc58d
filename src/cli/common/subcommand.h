// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace assemble::cli {

/// Where a command's result goes: stdout, which gets nothing else.
class Output {
 public:
  bool json = false;  ///< --json: the result as JSON

  /// Prints `result` as JSON when --json was given, else `text`.
  void print(const nlohmann::ordered_json& result, const std::string& text);
  /// @throws RunError when stdout cannot be written
  void print_text(const std::string& text);
  /// @throws RunError when stdout cannot be written
  void print_json(const nlohmann::ordered_json& result);
  /// Whether something was printed.
  bool used() const { return used_; }

 private:
  bool used_ = false;
};

/// A command line as people type it. A test holds that it parses.
struct Example {
  std::string what;     ///< it does, without a full stop
  std::string command;  ///< "assemble predict --model model.safetensors photo.jpg"
};

/// A command of `assemble`, or one below another: `assemble dataset build`. A declaration of an option in declare() is
/// the truth for its flag, its key in a --config file, the configuration saved with a run, and what is told of it:
/// help, completion, manual pages (declaration.h).
class Subcommand {
 public:
  Subcommand(std::string name, std::string summary)
      : name_(std::move(name)), summary_(std::move(summary)), path_(name_) {}
  virtual ~Subcommand() = default;
  Subcommand(const Subcommand&) = delete;
  Subcommand& operator=(const Subcommand&) = delete;

  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }
  /// The words that pick it, once attached: "dataset check".
  const std::string& path() const { return path_; }
  /// One paragraph: what it is for, what it reads, what it leaves behind.
  virtual std::string purpose() const { return ""; }
  virtual std::vector<Example> examples() const { return {}; }

  /// Gives it a subcommand, which the next word picks; without that word it runs itself.
  void add(std::unique_ptr<Subcommand> child) { children_.push_back(std::move(child)); }

  /// Declares its options and those of its subcommands. `app` already has --json, --quiet and --config.
  void attach(CLI::App& app, Output& output);
  /// Its options, once attached.
  const CLI::App& app() const { return *app_; }
  const std::vector<std::unique_ptr<Subcommand>>& children() const { return children_; }
  /// Declares its own options.
  virtual void declare(CLI::App&) {}
  /// The one among itself and its subcommands that the parsed words pick.
  Subcommand& picked();
  /// Does the work once options are parsed. @throws Error
  virtual void run() = 0;
  /// Whether another program has it: this one knows its name and summary alone.
  virtual bool is_elsewhere() const { return false; }
  /// Whether --config and --recipe also take recipes (common/recipes.h).
  virtual bool takes_recipes() const { return false; }

 protected:
  Output& output() const { return *output_; }
  void print(const nlohmann::ordered_json& result, const std::string& text) const { output_->print(result, text); }

 private:
  std::string name_, summary_, path_;
  std::vector<std::unique_ptr<Subcommand>> children_;
  CLI::App* app_ = nullptr;
  Output* output_ = nullptr;
};

/// A command that does nothing without the word for one of its subcommands. Its examples are the first of each.
class SubcommandGroup : public Subcommand {
 public:
  SubcommandGroup(std::string name, std::string summary, std::string purpose)
      : Subcommand(std::move(name), std::move(summary)), purpose_(std::move(purpose)) {}
  std::string purpose() const override { return purpose_; }
  std::vector<Example> examples() const override;
  void run() override {}
  void declare(CLI::App& app) override { app.require_subcommand(1); }

 private:
  std::string purpose_;
};

}  // namespace assemble::cli
