// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "assemble/models/classifier.h"

namespace assemble {

/// A kind of network, whose name is the base of arch strings. Those of this library and a user's own are registered
/// alike.
struct NetworkKind {
  std::string name;         ///< letters, digits, '_', '-' and '.': "my_net" as in "my_net+gem+emb128"
  std::string description;  ///< a line for people
  /// Builds the network of an arch with this base. Weights of nn::Conv and nn::Dense are drawn by make_classifier();
  /// other modules keep those that they are built with.
  std::function<Classifier(const Arch&, const ClassifierOptions&)> make;
  /// Tweaks that it takes. `gem`, `flatten` and `emb` are ClassifierImpl's own work, so any network may have them; a
  /// network that builds others (`d`, `bl`, `se`, `sk`, `aa`, `nodown`, `w`, `timm`) from the Arch's fields names them.
  std::vector<std::string> tweaks{"gem", "flatten", "emb"};
  int width = 64;  ///< Arch::width where an arch string has no `w`
  /// A tensor with Arch::width rows, by which a damaged file is told before its network is built; empty: there is none.
  std::string width_tensor{};
  std::string endpoints{};  ///< what names of activations begin with; empty: the name and a slash
};

/// Registers a network, mostly at the start of main(): arch strings with its name can then be built, trained, written
/// to model files and read from them, traced and exported, as the library's own.
///
/// @code
/// struct TinyNetImpl : ClassifierImpl {
///   TinyNetImpl(const Arch& arch, const ClassifierOptions& options) : ClassifierImpl(arch, options) {
///     conv = register_module("conv", nn::Conv({.in_channels = 3, .out_channels = 16, .kernel = 3, .stride = 2}));
///     make_head(/*channels=*/16, /*reduction=*/2);
///   }
///   torch::Tensor stages(const torch::Tensor& images, Endpoints*) override { return conv->forward(images); }
///   nn::Conv conv{nullptr};
/// };
/// register_network({.name = "tiny", .description = "one convolution", .make = build_network<TinyNetImpl>});
/// @endcode
///
/// Any thread may call it and what looks a network up.
/// @throws UsageError for a name that is taken (also by a preset) or that no arch string can hold, for a tweak that
///         does not exist, and when there is no `make`
void register_network(NetworkKind kind);

/// NetworkKind::make of a class that has an arch and options for its constructor.
template <typename Network>
Classifier build_network(const Arch& arch, const ClassifierOptions& options) {
  return std::make_shared<Network>(arch, options);
}

/// The network of a name; null when none is registered. It lives as long as the program.
const NetworkKind* find_network(const std::string& name);
/// The same. @throws UsageError when none is registered
const NetworkKind& network_kind(const std::string& name);
/// Names of all networks, the library's first.
std::vector<std::string> network_names();

}  // namespace assemble
