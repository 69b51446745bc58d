// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/registry.h"

#include <algorithm>
#include <deque>
#include <mutex>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/models/mobilenet_v1.h"
#include "assemble/models/resnet.h"
#include "tweaks.h"

namespace assemble {
namespace {

/// The library's own, which are there before any static object asks.
std::deque<NetworkKind> library_networks() {
  const std::vector<std::string> mobilenet{"se", "gem", "flatten", "emb", "w", "timm", "slim"};
  const std::vector<std::string> resnet{"d",       "bl",  "se",     "eca", "sk",   "aa", "gem",
                                        "flatten", "emb", "nodown", "w",   "timm", "tf"};
  std::vector<std::string> resnet200 = resnet;
  std::erase(resnet200, "bl");
  return {
      {"resnet50", "ResNet of 50 layers", build_network<ResNetImpl>, resnet, 64, "bn1.weight", "resnet_model/"},
      {"resnet101", "ResNet of 101 layers", build_network<ResNetImpl>, resnet, 64, "bn1.weight", "resnet_model/"},
      {"resnet152", "ResNet of 152 layers", build_network<ResNetImpl>, resnet, 64, "bn1.weight", "resnet_model/"},
      {"resnet200", "ResNet of 200 layers", build_network<ResNetImpl>, resnet200, 64, "bn1.weight", "resnet_model/"},
      {"mobilenet_v1", "MobileNetV1", build_network<MobileNetV1Impl>, mobilenet, 32, "bn1.weight"},
  };
}

class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  const NetworkKind* find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(kinds_.begin(), kinds_.end(), [&](const auto& kind) { return kind.name == name; });
    return found == kinds_.end() ? nullptr : &*found;
  }
  std::vector<std::string> names() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const NetworkKind& kind : kinds_) names.push_back(kind.name);
    return names;
  }
  bool add(NetworkKind kind) {
    const std::lock_guard lock(mutex_);
    for (const NetworkKind& known : kinds_) {
      if (known.name == kind.name) return false;
    }
    kinds_.push_back(std::move(kind));
    return true;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<NetworkKind> kinds_ = library_networks();  // in which elements stay in their place
};

bool is_name(const std::string& name) {
  const std::string allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  return !name.empty() && name.find_first_not_of(allowed) == std::string::npos;
}

}  // namespace

void register_network(NetworkKind kind) {
  const std::string where = concat("network '", kind.name, "'");
  if (!is_name(kind.name)) {
    throw UsageError(where, "is no name for an arch string", "use letters, digits, '_', '-' and '.'");
  }
  if (!kind.make) throw UsageError(where, "has nothing that builds it", "set NetworkKind::make");
  const std::vector<std::string> known = tweak_names();
  for (const std::string& tweak : kind.tweaks) {
    if (std::find(known.begin(), known.end(), tweak) != known.end()) continue;
    throw UsageError(where, concat("takes the tweak '", tweak, "', which does not exist"),
                     concat("tweaks: ", join(known, ", ")));
  }
  const auto is_taken = [&](const Preset& preset) { return preset.name == kind.name; };
  const bool is_preset = std::any_of(presets().begin(), presets().end(), is_taken);
  if (is_preset || !Registry::instance().add(std::move(kind))) {
    throw UsageError(where, "is there already", "choose another name");
  }
}

const NetworkKind* find_network(const std::string& name) { return Registry::instance().find(name); }

const NetworkKind& network_kind(const std::string& name) {
  if (const NetworkKind* kind = find_network(name)) return *kind;
  throw UsageError(concat("network '", name, "'"), "is not registered",
                   concat("there are ", join(network_names(), ", ")));
}

std::vector<std::string> network_names() { return Registry::instance().names(); }

}  // namespace assemble
