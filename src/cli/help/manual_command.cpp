// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "assemble/core/choice.h"
#include "assemble/core/error.h"
#include "assemble/core/file.h"
#include "assemble/core/text.h"
#include "common/choice_option.h"
#include "common/outputs.h"
#include "help/completion.h"
#include "help/help_commands.h"
#include "help/manual.h"

namespace assemble::cli {
namespace {

enum class ManualFormat { kRoff, kMarkdown };
constexpr auto kManualFormats =
    choices<ManualFormat>("format", {{ManualFormat::kRoff, "roff"}, {ManualFormat::kMarkdown, "markdown"}});

class ManualCommand : public Subcommand {
 public:
  explicit ManualCommand(MakeCommands make_commands)
      : Subcommand("man", "Print the manual page of a command, or write those of all"),
        make_commands_(std::move(make_commands)) {}

  std::string purpose() const override {
    return "Without a command it is the page of the program itself. Pages are made from what the commands declare, so "
           "they always fit the program that prints them; with --json, the declarations themselves. `make install` "
           "puts "
           "the pages where man finds them: `man assemble-train`.";
  }
  std::vector<Example> examples() const override {
    return {{"Read the page of a command", "assemble man dataset check | man -l -"},
            {"Write all pages", "assemble man --out man1"}};
  }

  void declare(CLI::App& app) override {
    app.add_option("command", words_, "Whose page: train, or dataset check")->default_str("");
    add_choice(app, "--format", format_, kManualFormats, "For man, or for web pages");
    app.add_option("--out", out_, "Folder for the pages of all commands, in place of printing one");
  }

  void run() override {
    const std::vector<CommandDeclaration> commands = declarations_here(make_commands_);
    if (!out_.empty()) return write_all(commands);
    if (words_.empty()) {
      nlohmann::ordered_json all = nlohmann::ordered_json::array();
      for (const CommandDeclaration& command : commands) all.push_back(to_json(command));
      return print(all, page(commands));
    }
    const CommandDeclaration command = find(commands);
    print(to_json(command), page(command));
  }

 private:
  template <typename Declared>
  std::string page(const Declared& declared) const {
    return format_ == ManualFormat::kRoff ? to_roff(declared) : to_markdown(declared);
  }

  /// @throws UsageError for an unknown command, with the nearest
  CommandDeclaration find(std::vector<CommandDeclaration> among) const {
    CommandDeclaration found;
    for (const std::string& word : words_) {
      std::vector<std::string> names;
      std::ranges::transform(among, std::back_inserter(names), last_word);
      if (names.empty()) throw UsageError("man", concat("'", found.path, "' has no command '", word, "'"));
      found = CommandDeclaration(among[find_choice("man", word, names)]);
      among = found.commands;
    }
    return found;
  }

  void write_all(const std::vector<CommandDeclaration>& commands) {
    if (!words_.empty()) throw UsageError("--out", "writes the pages of all commands", "leave the command out");
    check_output_folder("--out", out_, {});
    make_directories(out_);
    int64_t pages = 0;
    const auto write = [&](const std::string& path, const std::string& text) {
      const char* ending = format_ == ManualFormat::kRoff ? ".1" : ".md";
      write_file(fs::path(out_) / (page_name(path) + ending), std::string_view(text));
      ++pages;
    };
    const auto write_family = [&](const CommandDeclaration& command, const auto& self) -> void {
      write(command.path, page(command));
      for (const CommandDeclaration& child : command.commands) self(child, self);
    };
    write("", page(commands));
    for (const CommandDeclaration& command : commands) write_family(command, write_family);
    print({{"out", out_}, {"pages", pages}}, concat("Wrote ", pages, " pages into ", out_, "\n"));
  }

  MakeCommands make_commands_;
  std::vector<std::string> words_;
  ManualFormat format_ = ManualFormat::kRoff;
  std::string out_;
};

}  // namespace

std::unique_ptr<Subcommand> make_manual_command(MakeCommands make_commands) {
  return std::make_unique<ManualCommand>(std::move(make_commands));
}

}  // namespace assemble::cli
