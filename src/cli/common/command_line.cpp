// SPDX-License-Identifier: Apache-2.0
#include "common/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <new>

#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/image/format.h"
#include "assemble/image/opencv_threads.h"
#include "common/config.h"
#include "common/declaration.h"
#include "common/flags.h"
#include "help/help_text.h"

namespace assemble::cli {
namespace {

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* child : app.get_subcommands(nullptr)) names.push_back(child->get_name());
  return names;
}

std::string suggestion(const CLI::App& app, const std::string& word) {
  if (const std::string match = nearest(word, subcommand_names(app)); !match.empty()) {
    return concat("did you mean ", match, "?");
  }
  const std::string bare = word.substr(std::min(word.find_first_not_of('-'), word.size()));
  const std::string name = bare.substr(0, bare.find('='));
  for (const CLI::App* child : app.get_subcommands(nullptr)) {
    if (child->get_option_no_throw("--" + name) != nullptr) {
      return concat("it is an option of ", app.get_name(), " ", child->get_name());
    }
  }
  const std::string match = nearest(name, option_names(app));
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

/// The app that the words have picked.
const CLI::App& picked_of(const CLI::App& app) {
  const auto picked = app.get_subcommands();
  return picked.empty() ? app : picked_of(*picked.front());
}

/// Where a subcommand is missing and another word stands. Empty otherwise.
std::string unknown_subcommand(const CLI::App& app, const std::string& word) {
  if (app.get_require_subcommand_min() == 0 || word.starts_with('-')) return "";
  const std::vector<std::string> names = subcommand_names(app);
  const std::string match = nearest(word, names);
  return concat("unknown subcommand '", word, "', expected one of ", join(names, ", "),
                match.empty() ? "" : concat(" (did you mean ", match, "?)"));
}

/// Words that no option takes. The first that looks like a flag is what is wrong: others may be its values.
int report_unknown(const CLI::App& app, const std::vector<std::string>& words) {
  if (const std::string text = unknown_subcommand(picked_of(app), words.front()); !text.empty()) {
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
  if (const CLI::App& picked = picked_of(app); lacks && picked.get_require_subcommand_min() > 0) {
    return report(concat("a subcommand is required, one of ", join(subcommand_names(picked), ", ")), ExitCode::kUsage);
  }
  const std::string message = error.what();
  const bool has_hint = message.ends_with(')');
  return report(has_hint ? message : message + " (see --help)", ExitCode::kUsage);
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
  declare_common(app, command, output, quiet);
  command.attach(app, output);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
    const std::string text = unknown.empty() ? "" : unknown_subcommand(picked_of(app), unknown.front());
    if (!text.empty()) return report(text, ExitCode::kUsage);
    std::cout << help_text(declaration_of(command.picked()), terminal_of(STDOUT_FILENO));
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
  const std::string first = arguments.empty() ? "" : arguments[0];
  if (first == "help" && arguments.size() > 1 && !arguments[1].starts_with('-')) {
    std::vector<std::string> asked(arguments.begin() + 1, arguments.end());
    asked.emplace_back("--help");
    return run_command_line(program, asked);
  }
  if (arguments.empty() || first == "--help" || first == "-h" || first == "help") {
    const int descriptor = arguments.empty() ? STDERR_FILENO : STDOUT_FILENO;
    (arguments.empty() ? std::cerr : std::cout) << overview_text(program.commands, terminal_of(descriptor));
    return status(arguments.empty() ? ExitCode::kUsage : ExitCode::kOk);
  }
  if (first == "--version") {
    std::cout << "assemble " << ASSEMBLE_VERSION << " (reads " << readable_formats() << ")" << std::endl;
    return status(ExitCode::kOk);
  }
  std::vector<std::string> names;
  for (const auto& command : program.commands) {
    if (command->name() == first) return run_or_hand_over(*command, arguments, program);
    names.push_back(command->name());
  }
  std::vector<std::string> words = names;
  words.emplace_back("help");
  const std::string match = nearest(first, words);
  return report(concat("unknown command '", first, "', expected one of ", join(names, ", "),
                       match.empty() ? "" : concat(" (did you mean ", match, "?)")),
                ExitCode::kUsage);
}

}  // namespace assemble::cli
