// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/system.h"
#include "common/choice_option.h"
#include "common/handover.h"
#include "help/completion.h"
#include "help/help_commands.h"

namespace assemble::cli {
namespace {

class CompletionCommand : public Subcommand {
 public:
  explicit CompletionCommand(MakeCommands make_commands)
      : Subcommand("completion", "Print what makes a shell complete this command line"),
        make_commands_(std::move(make_commands)) {}

  std::string purpose() const override {
    return "The script completes commands, flags, the words that an option takes, folders, and the files that fit. "
           "`make install` puts it where bash, zsh and fish look for it.";
  }
  std::vector<Example> examples() const override {
    return {{"In ~/.bashrc", "source <(assemble completion bash)"},
            {"In ~/.zshrc, behind compinit", "source <(assemble completion zsh)"},
            {"For fish", "assemble completion fish > ~/.config/fish/completions/assemble.fish"}};
  }

  void declare(CLI::App& app) override {
    app.add_option_function<std::string>(
           "shell", [this](const std::string& word) { shell_ = kShells.parse(word); }, "Which shell")
        ->required()
        ->check(one_of(kShells.names()));
  }

  void run() override {
    const std::string script = completion_script(shell_, declarations_here(make_commands_));
    print({{"shell", kShells.name(shell_)}, {"script", script}}, script);
  }

 private:
  MakeCommands make_commands_;
  Shell shell_ = Shell::kBash;
};

}  // namespace

std::vector<CommandDeclaration> declarations_here(const MakeCommands& make_commands) {
  std::vector<CommandDeclaration> declarations;
  for (const auto& command : make_commands()) {
    if (command->is_elsewhere() && !find_torch_program(own_program()).empty()) throw NeedsTorch(command->name());
    declarations.push_back(declare_alone(*command));
  }
  return declarations;
}

std::unique_ptr<Subcommand> make_completion_command(MakeCommands make_commands) {
  return std::make_unique<CompletionCommand>(std::move(make_commands));
}

}  // namespace assemble::cli
