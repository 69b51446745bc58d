// SPDX-License-Identifier: Apache-2.0
#include "assemble/cli/command.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <iostream>
#include <new>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/image/opencv_threads.h"
#include "config.h"
#include "flags.h"

namespace assemble::cli {
namespace {

std::string suggestion(const CLI::App& app, const std::string& word) {
  const std::string bare = word.substr(std::min(word.find_first_not_of('-'), word.size()));
  const std::string match = nearest(bare.substr(0, bare.find('=')), option_names(app));
  return match.empty() ? "see --help" : concat("did you mean --", match, "?");
}

int status(ExitCode code) { return static_cast<int>(code); }

/// The library's lines speak of options, here of the flags that set them.
class CommandSink : public StderrSink {
 public:
  CommandSink(const CLI::App& app, bool quiet) : StderrSink(quiet), app_(app) {}
  void log(LogLevel level, const std::string& message) override { StderrSink::log(level, with_flags(app_, message)); }

 private:
  const CLI::App& app_;
};

int report(const std::string& message, ExitCode code) {
  std::cerr << "assemble: error: " << message << std::endl;
  return status(code);
}

std::string overview(const std::vector<std::unique_ptr<Command>>& commands) {
  std::string text =
      "Assemble: train, fine-tune, evaluate and deploy image classifiers put together from proven techniques.\n\n"
      "Usage: assemble COMMAND [OPTIONS]\n\nCommands:\n";
  for (const auto& command : commands) {
    text += "  " + command->name() + std::string(12 - std::min<size_t>(11, command->name().size()), ' ') +
            command->summary() + "\n";
  }
  return text + "\n`assemble COMMAND --help` lists a command's options.\n";
}

int report_parse_error(const CLI::App& app, const CLI::ParseError& error) {
  const std::string message = error.what();
  const size_t colon = message.find_last_of(": ");
  const std::string word = colon == std::string::npos ? message : message.substr(colon + 1);
  const bool unknown = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  return report(concat(message, " (", unknown ? suggestion(app, word) : "see --help", ")"), ExitCode::kUsage);
}

bool asks_for_help(const CLI::App& app) {
  const std::vector<const CLI::App*> children = app.get_subcommands(std::function<bool(const CLI::App*)>());
  return app.get_help_ptr()->count() > 0 ||
         std::any_of(children.begin(), children.end(), [](const CLI::App* child) { return asks_for_help(*child); });
}

int run_parsed(Command& command) {
  try {
    command.run();
    return status(ExitCode::kOk);
  } catch (const Error& error) {
    return report(with_flags(*command.app, error.what()), error.code());
  } catch (const std::bad_alloc&) {
    return report("out of memory (lower --batch-size, --image-size or --prefetch)", ExitCode::kFailedRun);
  } catch (const c10::Error& error) {
    return report(error.what_without_backtrace(), ExitCode::kFailedRun);
  } catch (const std::exception& error) {
    return report(error.what(), ExitCode::kFailedRun);
  }
}

int run_one(Command& command, const std::vector<std::string>& arguments) {
  CLI::App app(command.summary(), "assemble " + command.name());
  command.app = &app;
  bool quiet = false;
  app.add_flag("--json", command.json, "Print the result as JSON, and nothing else, on stdout")->configurable(false);
  app.add_flag("--quiet,-q", quiet, "Only warnings and errors on stderr")->configurable(false);
  // Declared before the command's own options, so that it runs before their callbacks.
  app.add_option("--config,--recipe", CLI::callback_t([&app](const CLI::results_t& files) {
                   if (!asks_for_help(app)) apply_config(app, files);
                   return true;
                 }),
                 "TOML file with the same keys as the flags; may be repeated; flags win")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->configurable(false);
  app.option_defaults()->always_capture_default();
  command.declare(app);
  for (CLI::App* child : app.get_subcommands(nullptr)) child->fallthrough();
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return status(ExitCode::kOk);
  } catch (const CLI::ParseError& error) {
    return report_parse_error(app, error);
  } catch (const Error& error) {
    return report(with_flags(app, error.what()), error.code());
  }
  const ScopedLogSink sink(std::make_shared<CommandSink>(app, quiet));
  keep_opencv_to_one_thread();
  return run_parsed(command);
}

}  // namespace

void Command::print(const nlohmann::ordered_json& result, const std::string& text) const {
  if (json) {
    std::cout << json_text(result, 2) << std::endl;
  } else {
    std::cout << text << std::flush;
  }
  if (!std::cout) throw RunError("stdout", "cannot be written", "is the disk full or the pipe closed?");
}

int run_command_line(const std::vector<std::unique_ptr<Command>>& commands, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    (arguments.empty() ? std::cerr : std::cout) << overview(commands);
    return status(arguments.empty() ? ExitCode::kUsage : ExitCode::kOk);
  }
  if (arguments[0] == "--version") {
    std::cout << "assemble " << ASSEMBLE_VERSION << std::endl;
    return status(ExitCode::kOk);
  }
  std::vector<std::string> names;
  for (const auto& command : commands) {
    if (command->name() == arguments[0]) return run_one(*command, {arguments.begin() + 1, arguments.end()});
    names.push_back(command->name());
  }
  const std::string match = nearest(arguments[0], names);
  return report(concat("unknown command '", arguments[0], "', expected one of ", join(names, ", "),
                       match.empty() ? "" : concat(" (did you mean ", match, "?)")),
                ExitCode::kUsage);
}

}  // namespace assemble::cli
