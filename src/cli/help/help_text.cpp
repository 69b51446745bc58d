// SPDX-License-Identifier: Apache-2.0
#include "help/help_text.h"

#include <algorithm>

#include "assemble/core/text.h"
#include "help/completion.h"

namespace assemble::cli {
namespace {

constexpr size_t kNarrowest = 40, kWidest = 100;
constexpr size_t kWidestName = 26;  // in the column beside the descriptions

/// A name and what there is to say of it.
struct HelpEntry {
  std::string name, text;
};

class HelpWriter {
 public:
  explicit HelpWriter(const Terminal& terminal)
      : columns_(std::clamp(terminal.columns, kNarrowest, kWidest)), colours_(terminal.colours) {}

  void paragraph(const std::string& text, size_t indent = 0) {
    for (const std::string& line : wrap(text, columns_ - indent)) text_ += std::string(indent, ' ') + line + "\n";
  }

  void heading(const std::string& title) {
    text_ += "\n" + painted("1", join(wrap(title + ":", columns_), "\n")) + "\n";
  }

  void entries(const std::vector<HelpEntry>& entries) {
    size_t widest = 0;
    for (const HelpEntry& entry : entries) widest = std::max(widest, display_width(entry.name));
    const size_t column = std::min(widest, kWidestName) + 4;
    for (const HelpEntry& entry : entries) write(entry, column);
  }

  void example(const Example& example) {
    paragraph("# " + example.what, 2);
    text_ += "  " + painted("36", example.command) + "\n";
  }

  void usage(const std::string& usage) {
    const std::vector<std::string> lines = wrap(usage, columns_ - 9);
    text_ += "\n" + painted("1", "Usage:") + " " + join(lines, "\n         ") + "\n";
  }

  void blank() { text_ += "\n"; }
  const std::string& text() const { return text_; }

 private:
  /// @param style number of an SGR sequence: 1 is bold, 36 cyan
  std::string painted(const char* style, const std::string& text) const {
    return colours_ ? concat("\033[", style, "m", text, "\033[0m") : text;
  }

  /// The name, and the lines of the text in a column of their own; below the name where it is too long for that.
  void write(const HelpEntry& entry, size_t column) {
    std::string line = "  " + painted("36", entry.name);
    size_t at = 2 + display_width(entry.name);
    if (at + 2 > column) {
      text_ += line + "\n";
      line.clear();
      at = 0;
    }
    for (const std::string& part : split(entry.text, '\n')) {
      const size_t indent = std::min(part.find_first_not_of(' '), part.size());
      for (const std::string& words : wrap(part, columns_ - column - indent)) {
        text_ += concat(line, std::string(column + indent - at, ' '), words, "\n");
        line.clear();
        at = 0;
      }
    }
  }

  size_t columns_;
  bool colours_;
  std::string text_;
};

/// Its description, and behind it in brackets what it takes.
std::string told_of(const OptionDeclaration& option) {
  const std::vector<std::string> notes = option.notes();
  return notes.empty() ? option.description : concat(option.description, " (", join(notes, "; "), ")");
}

std::vector<HelpEntry> entries_of(const CommandDeclaration& command, const std::string& group, bool by_position) {
  std::vector<HelpEntry> entries;
  for (const OptionDeclaration& option : command.options) {
    if (option.group == group && option.flags.empty() == by_position)
      entries.push_back({option.shown(), told_of(option)});
  }
  return entries;
}

}  // namespace

std::string help_text(const CommandDeclaration& command, const Terminal& terminal) {
  HelpWriter writer(terminal);
  writer.paragraph(command.summary);
  if (!command.purpose.empty()) {
    writer.blank();
    writer.paragraph(command.purpose);
  }
  writer.usage(command.usage());
  std::vector<HelpEntry> commands;
  for (const CommandDeclaration& child : command.commands) {
    commands.push_back({last_word(child), child.summary});
  }
  const auto section = [&](const std::string& title, const std::vector<HelpEntry>& entries) {
    if (entries.empty()) return;
    writer.heading(title);
    writer.entries(entries);
  };
  section("Commands", commands);
  section("Arguments", entries_of(command, "", /*by_position=*/true));
  for (const std::string& group : command.groups()) {
    section(group.empty() ? "Options" : group, entries_of(command, group, /*by_position=*/false));
  }
  if (!command.examples.empty()) writer.heading("Examples");
  for (const Example& example : command.examples) writer.example(example);
  return writer.text();
}

std::string overview_text(const std::vector<std::unique_ptr<Subcommand>>& commands, const Terminal& terminal) {
  HelpWriter writer(terminal);
  writer.paragraph(kProgramPurpose);
  writer.usage("assemble COMMAND [OPTIONS]");
  std::vector<HelpEntry> entries;
  bool elsewhere = false;
  for (const auto& command : commands) {
    elsewhere |= command->is_elsewhere();
    entries.push_back({command->name(), command->summary() + (command->is_elsewhere() ? " *" : "")});
  }
  writer.heading("Commands");
  writer.entries(entries);
  writer.blank();
  if (elsewhere) {
    writer.paragraph(concat("* ", kElsewhere, "."));
    writer.blank();
  }
  writer.paragraph("`assemble COMMAND --help` lists a command's options, `assemble man COMMAND` is its manual page.");
  return writer.text();
}

}  // namespace assemble::cli
