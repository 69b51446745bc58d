// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/core/file.h"
#include "common/declaration.h"
#include "test_support.h"

namespace assemble::test {

using Words = std::vector<std::string>;

/// The simple commands of a shell's text: words without quotes, comments, redirections and line breaks.
inline std::vector<Words> simple_commands(const std::string& text) {
  std::vector<Words> commands(1);
  std::string word;
  bool in_word = false, to_file = false;
  const auto end_word = [&] {
    if (in_word && !to_file) commands.back().push_back(word);
    to_file = to_file && !in_word;
    word.clear();
    in_word = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      if (text[++i] != '\n') word += text[i], in_word = true;
    } else if (c == '\'' || c == '"') {
      const size_t end = std::min(text.find(c, i + 1), text.size());
      word += text.substr(i + 1, end - i - 1);
      in_word = true;
      i = end;
    } else if (c == '#' && !in_word) {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (c == '>' || c == '<') {
      const bool is_number = in_word && word.find_first_not_of("0123456789") == std::string::npos;
      if (is_number) word.clear(), in_word = false;
      end_word();
      to_file = true;
    } else if (std::string_view("\n;|&()").find(c) != std::string_view::npos) {
      end_word();
      to_file = false;
      commands.emplace_back();
    } else if (c == ' ' || c == '\t') {
      end_word();
    } else {
      word += c;
      in_word = true;
    }
  }
  end_word();
  return commands;
}

/// Of these the calls of `assemble`, also behind variables: what follows its name.
inline std::vector<Words> calls_of_assemble(const std::string& text) {
  const auto is_assemble = [](const std::string& word) { return word == "assemble" || word.ends_with("/assemble"); };
  std::vector<Words> calls;
  for (const Words& command : simple_commands(text)) {
    auto name = std::ranges::find_if(command, [](const std::string& word) { return word.find('=') == word.npos; });
    if (name != command.end() && (*name == "torchrun" || *name == "mpirun" || *name == "srun")) {
      name = std::find_if(name, command.end(), is_assemble);
    }
    if (name != command.end() && is_assemble(*name)) calls.emplace_back(name + 1, command.end());
  }
  return calls;
}

/// What is wrong with a call of a program with these commands; empty when nothing is. Nothing runs, and configurations
/// are not read.
inline std::string error_of_call(const std::vector<std::unique_ptr<cli::Subcommand>>& commands, const Words& call) {
  if (call.empty() || call[0] == "--help" || call[0] == "--version") return "";
  const auto command = std::ranges::find_if(commands, [&](const auto& known) { return known->name() == call[0]; });
  if (command == commands.end()) return concat("unknown command ", call[0]);
  const TemporaryFolder folder;
  const std::string empty = (folder / "empty.toml").string();
  write_file(empty, std::string_view());
  Words words;
  bool is_whole = true;
  for (size_t i = 1; i < call.size(); ++i) {
    const bool is_config = call[i - 1] == "--config" || (call[i - 1] == "--recipe" && call[i].ends_with(".toml"));
    words.push_back(is_config ? empty : call[i]);
    is_whole = is_whole && !is_config;
  }
  CLI::App app;
  cli::Output output;
  bool quiet = false;
  cli::declare_common(app, **command, output, quiet);
  (*command)->attach(app, output);
  try {
    app.parse(Words(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
  } catch (const CLI::RequiredError& error) {
    if (is_whole || !app.remaining(/*recurse=*/true).empty()) return error.what();
  } catch (const CLI::ParseError& error) {
    return error.what();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace assemble::test
