// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/data/loader.h"

namespace assemble {

std::string LoaderState::to_json() const {
  return nlohmann::json{{"epoch", epoch}, {"next_batch", next_batch}, {"train_size", train_size}, {"broken", broken}}
      .dump();
}

LoaderState LoaderState::from_json(const std::string& text, const std::string& where) {
  LoaderState state;
  try {
    const auto json = nlohmann::json::parse(text);
    json.at("epoch").get_to(state.epoch);
    json.at("next_batch").get_to(state.next_batch);
    json.at("train_size").get_to(state.train_size);
    json.at("broken").get_to(state.broken);
  } catch (const nlohmann::json::exception& error) {
    throw InputError(where, std::string("the loader's state is not as expected: ") + json_problem(error),
                     "expected epoch, next_batch, train_size, broken");
  }
  return state;
}

}  // namespace assemble
