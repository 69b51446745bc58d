// SPDX-License-Identifier: Apache-2.0
#include "common/command_line.h"

#include <algorithm>
#include <iostream>
#include <new>

#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/image/format.h"
#include "assemble/image/opencv_threads.h"
#include "common/config.h"
#include "common/flags.h"

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

std::string overview(const Program& program) {
  std::string text =
      "Assemble: train, fine-tune, evaluate and deploy image classifiers put together from proven techniques.\n\n"
      "Usage: assemble COMMAND [OPTIONS]\n\nCommands:\n";
  bool elsewhere = false;
  for (const auto& command : program.commands) {
    elsewhere |= command->is_elsewhere();
    text += "  " + command->name() + std::string(12 - std::min<size_t>(11, command->name().size()), ' ') +
            command->summary() + (command->is_elsewhere() ? " *" : "") + "\n";
  }
  if (elsewhere) text += "\n* needs LibTorch: the program assemble-torch does it, which is started for that.\n";
  return text + "\n`assemble COMMAND --help` lists a command's options.\n";
}

/// Where a subcommand is missing and another word stands. Empty otherwise.
std::string unknown_subcommand(const CLI::App& app, const std::string& word) {
  const auto picked = app.get_subcommands();
  if (!picked.empty()) return unknown_subcommand(*picked.front(), word);
  if (app.get_require_subcommand_min() == 0 || word.starts_with('-')) return "";
  std::vector<std::string> names;
  for (const CLI::App* child : app.get_subcommands(nullptr)) names.push_back(child->get_name());
  const std::string match = nearest(word, names);
  return concat("unknown subcommand '", word, "', expected one of ", join(names, ", "),
                match.empty() ? "" : concat(" (did you mean ", match, "?)"));
}

/// Words that no option takes. The first that looks like a flag is what is wrong: others may be its values.
int report_unknown(const CLI::App& app, const std::vector<std::string>& words) {
  if (const std::string text = unknown_subcommand(app, words.front()); !text.empty()) {
    return report(text, ExitCode::kUsage);
  }
  const auto flag = std::ranges::find_if(words, [](const std::string& word) { return word.starts_with('-'); });
  const std::string& word = flag == words.end() ? words.front() : *flag;
  return report(concat("'", word, "' was not expected (", suggestion(app, word), ")"), ExitCode::kUsage);
}

int report_parse_error(const CLI::App& app, const CLI::ParseError& error) {
  // What is missing may be what is misspelt, and that is what there is to say.
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  const bool lacks = dynamic_cast<const CLI::RequiredError*>(&error) || dynamic_cast<const CLI::ExtrasError*>(&error);
  if (lacks && !unknown.empty()) return report_unknown(app, unknown);
  const std::string message = error.what();
  const bool has_hint = message.ends_with(')');
  return report(has_hint ? message : message + " (see --help)", ExitCode::kUsage);
}

bool asks_for_help(const CLI::App& app) {
  const std::vector<const CLI::App*> children = app.get_subcommands(std::function<bool(const CLI::App*)>());
  return app.get_help_ptr()->count() > 0 ||
         std::any_of(children.begin(), children.end(), [](const CLI::App* child) { return asks_for_help(*child); });
}

/// @throws NeedsTorch when the work can still be handed over
int run_parsed(Subcommand& command, const CLI::App& app, const Output& output, const Program& program) {
  try {
    command.run();
    return status(ExitCode::kOk);
  } catch (const NeedsTorch& need) {
    if (!output.used()) throw NeedsTorch(with_flags(app, need.where()));
    return report(with_flags(app, need.what()), need.code());
  } catch (const Error& error) {
    return report(with_flags(app, error.what()), error.code());
  } catch (const std::bad_alloc&) {
    return report("out of memory (lower --batch-size, --image-size or --prefetch)", ExitCode::kFailedRun);
  } catch (const std::exception& error) {
    return report(program.describe ? program.describe(error) : error.what(), ExitCode::kFailedRun);
  }
}

int run_one(Subcommand& command, const std::vector<std::string>& arguments, const Program& program) {
  Output output;
  CLI::App app(command.summary(), "assemble " + command.name());
  bool quiet = false;
  app.add_flag("--json", output.json, "Print the result as JSON, and nothing else, on stdout")->configurable(false);
  app.add_flag("--quiet,-q", quiet, "Only warnings and errors on stderr")->configurable(false);
  // Declared before the command's own options, so that it runs before their callbacks.
  app.add_option("--config,--recipe", CLI::callback_t([&](const CLI::results_t& files) {
                   if (!asks_for_help(app)) apply_config(app, files, command.takes_recipes());
                   return true;
                 }),
                 "TOML file with the same keys as the flags; may be repeated; flags win")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->configurable(false);
  app.option_defaults()->always_capture_default();
  command.attach(app, output);
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
  return run_parsed(command.picked(), app, output, program);
}

int run_or_hand_over(Subcommand& command, const std::vector<std::string>& arguments, const Program& program) {
  try {
    if (command.is_elsewhere()) throw NeedsTorch(command.name());
    return run_one(command, {arguments.begin() + 1, arguments.end()}, program);
  } catch (const NeedsTorch& need) {
    if (!program.hand_over) return report(need.what(), need.code());
    try {
      return program.hand_over(need, arguments);
    } catch (const Error& error) {
      return report(error.what(), error.code());
    }
  }
}

}  // namespace

int run_command_line(const Program& program, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    (arguments.empty() ? std::cerr : std::cout) << overview(program);
    return status(arguments.empty() ? ExitCode::kUsage : ExitCode::kOk);
  }
  if (arguments[0] == "--version") {
    std::cout << "assemble " << ASSEMBLE_VERSION << " (reads " << readable_formats() << ")" << std::endl;
    return status(ExitCode::kOk);
  }
  std::vector<std::string> names;
  for (const auto& command : program.commands) {
    if (command->name() == arguments[0]) return run_or_hand_over(*command, arguments, program);
    names.push_back(command->name());
  }
  const std::string match = nearest(arguments[0], names);
  return report(concat("unknown command '", arguments[0], "', expected one of ", join(names, ", "),
                       match.empty() ? "" : concat(" (did you mean ", match, "?)")),
                ExitCode::kUsage);
}

}  // namespace assemble::cli
