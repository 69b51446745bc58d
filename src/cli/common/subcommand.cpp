// SPDX-License-Identifier: Apache-2.0
#include "common/subcommand.h"

#include <iostream>

#include "assemble/core/error.h"
#include "assemble/core/json.h"

namespace assemble::cli {

void Output::print(const nlohmann::ordered_json& result, const std::string& text) {
  if (json) {
    print_json(result);
  } else {
    print_text(text);
  }
}

void Output::print_json(const nlohmann::ordered_json& result) { print_text(json_text(result, 2) + "\n"); }

void Output::print_text(const std::string& text) {
  used_ = true;
  std::cout << text << std::flush;
  if (!std::cout) throw RunError("stdout", "cannot be written", "is the disk full or the pipe closed?");
}

void Subcommand::attach(CLI::App& app, Output& output) {
  app_ = &app;
  output_ = &output;
  if (!children_.empty()) app.require_subcommand(0, 1);
  declare(app);
  for (const auto& child : children_) {
    child->path_ = path_ + " " + child->name();
    child->attach(*app.add_subcommand(child->name(), child->summary())->fallthrough(), output);
  }
}

Subcommand& Subcommand::picked() {
  for (const auto& child : children_) {
    if (child->app_->parsed()) return child->picked();
  }
  return *this;
}

std::vector<Example> SubcommandGroup::examples() const {
  std::vector<Example> examples;
  for (const auto& child : children()) {
    const std::vector<Example> of_child = child->examples();
    if (!of_child.empty()) examples.push_back(of_child.front());
  }
  return examples;
}

}  // namespace assemble::cli
