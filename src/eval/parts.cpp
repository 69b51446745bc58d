// SPDX-License-Identifier: Apache-2.0
#include "parts.h"

#include "assemble/core/error.h"
#include "assemble/core/json.h"

namespace assemble {

using nlohmann::ordered_json;

MeasuredEnsemble part_of(MeasuredEnsemble ensemble, const Exchange& ranks) {
  ensemble.loader.rank = ranks.rank();
  ensemble.loader.world = ranks.world();
  return ensemble;
}

void for_each_part(Exchange& ranks, const ordered_json& own, const std::function<void(const ordered_json& part)>& see) {
  if (!ranks.is_shared()) return see(own);
  const std::vector<std::string> texts = ranks.gather(own.dump());
  for (size_t rank = 0; rank < texts.size(); ++rank) {
    const std::string where = concat("rank ", rank);
    try {
      const ordered_json part = ordered_json::parse(texts[rank]);
      if (part.at("size") != own.at("size")) {
        throw InputError(
            where,
            concat("has data of ", part.at("size").dump(), ", rank ", ranks.rank(), " of ", own.at("size").dump()),
            "start every rank on the same data");
      }
      see(part);
    } catch (const InputError&) {
      throw;
    } catch (const std::exception& error) {
      throw InputError(where, concat("what it found is not as expected: ", json_problem(error)));
    }
  }
}

}  // namespace assemble
