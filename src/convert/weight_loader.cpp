// SPDX-License-Identifier: Apache-2.0
#include "weight_loader.h"

#include <torch/utils.h>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

constexpr const char* kAverage = "/ExponentialMovingAverage";

/// Variables of training that stand beside the network's.
bool is_training_state(const std::string& name) {
  static const std::set<std::string> known{"beta1_power", "beta2_power",        "learning_rate",
                                           "loss_scale",  "current_loss_scale", "good_steps"};
  return known.contains(name);
}

bool is_squeeze_bias(const std::string& name) {
  return name.ends_with(".se.fc1.bias") || name.ends_with(".se.fc2.bias");
}

std::string show(const std::vector<int64_t>& shape) { return concat(torch::IntArrayRef(shape)); }

}  // namespace

/// Itself, or its moving average when that is wanted and there.
std::string WeightLoader::stored_name(const std::string& name) const {
  return averages_ && source_.shapes().contains(name + kAverage) ? name + kAverage : name;
}

bool WeightLoader::fits(const TfVariable& variable, const torch::Tensor& target) const {
  const auto found = source_.shapes().find(stored_name(variable.tf_name));
  return found != source_.shapes().end() && found->second == tf_shape(target.sizes().vec(), variable.layout);
}

bool WeightLoader::load(const TfVariable& variable, const torch::Tensor& target) {
  variables_.insert(variable.tf_name);
  const std::string stored = stored_name(variable.tf_name);
  const auto found = source_.shapes().find(stored);
  if (found == source_.shapes().end()) {
    if (is_squeeze_bias(variable.name)) {
      ++zero_biases_;
      return true;  // they start at 0, which is what their absence means
    }
    report_.missing.push_back(variable.tf_name);
    return false;
  }
  if (!fits(variable, target)) {
    const std::vector<int64_t> expected = tf_shape(target.sizes().vec(), variable.layout);
    report_.misshaped.push_back(concat(stored, " (", show(found->second), ", expected ", show(expected), ")"));
    return false;
  }
  const torch::NoGradGuard no_grad;
  target.detach().copy_(from_tf(source_.read(stored), variable.layout));
  averaged_ += stored == variable.tf_name ? 0 : 1;
  ++report_.loaded;
  return true;
}

void WeightLoader::sort_the_rest() {
  std::map<std::string, size_t> slots;
  size_t counters = 0, no_effect = 0;
  for (const auto& [name, shape] : source_.shapes()) {
    if (variables_.contains(name)) continue;
    const std::string owner = name.substr(0, name.rfind('/'));
    if (name == "global_step") {
      read_step();
    } else if (owner != name && variables_.contains(owner)) {
      ++slots[name.substr(owner.size() + 1)];
    } else if (name.ends_with(".num_batches_tracked")) {
      ++counters;
    } else if (is_squeeze_bias(name) && source_.read(name).count_nonzero().item<int64_t>() == 0) {
      ++no_effect;
    } else if (is_training_state(name)) {
      report_.notes.push_back(concat("set aside: ", name));
    } else {
      report_.unexpected.push_back(name);
    }
  }
  for (const auto& [slot, count] : slots) note_slot(slot, count);
  note_count(counters, "counters of batches, on which nothing depends, were set aside");
  note_count(no_effect, "biases of squeeze and excitation are all zero and were left out");
  note_count(zero_biases_, "biases of squeeze and excitation are not in the file and were set to zero");
  note_averages(slots.contains(kAverage + 1));
}

void WeightLoader::read_step() {
  const torch::Tensor step = source_.read("global_step");
  if (step.numel() != 1) return report_.unexpected.push_back("global_step");
  report_.global_step = step.item<int64_t>();
  report_.notes.push_back(concat("global step ", *report_.global_step));
}

void WeightLoader::note_slot(const std::string& slot, size_t count) {
  if (slot == kAverage + 1) {
    if (!averages_) {
      report_.notes.push_back(
          concat(count, " moving averages were set aside; `averages` takes them in the weights' place"));
    }
  } else {
    report_.notes.push_back(concat(count, " optimizer slots '", slot, "' were set aside"));
  }
}

void WeightLoader::note_count(size_t count, const char* what) {
  if (count > 0) report_.notes.push_back(concat(count, " ", what));
}

void WeightLoader::note_averages(bool stored) {
  if (!averages_) return;
  if (!stored) {
    throw InputError(source_.where(), "holds no moving averages (X/ExponentialMovingAverage)", "leave out `averages`");
  }
  report_.notes.push_back(concat(averaged_, " of ", variables_.size(), " weights are moving averages"));
}

}  // namespace assemble
