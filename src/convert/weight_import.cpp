// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/weight_import.h"

#include <torch/utils.h>

#include <array>
#include <set>

#include "assemble/convert/infer_arch.h"
#include "assemble/convert/tf_names.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/models/defects.h"

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

/// Our parameters and where they are in the file.
std::vector<TfVariable> name_map(const ClassifierImpl& model, WeightFormat format) {
  if (format == WeightFormat::kTensorFlow) return tf_variables(model.arch());
  std::vector<TfVariable> same;
  for (const auto& [name, tensor] : model.named_state()) same.push_back({name, name, TfLayout::kSame});
  return same;
}

std::string show(const std::vector<int64_t>& shape) { return concat(torch::IntArrayRef(shape)); }

class Importer {
 public:
  Importer(const WeightSource& source, const ImportOptions& options) : source_(source), options_(options) {}

  ImportedModel run() {
    find_arch();
    const HeadSize head = infer_head(source_.shapes(), arch_, source_.format(), source_.where());
    result_.model = make_classifier(arch_, {.classes = head.classes, .image_size = input_size(head)});
    const auto state = result_.model->named_state();
    targets_ = {state.begin(), state.end()};
    for (const TfVariable& variable : name_map(*result_.model, source_.format())) load(variable);
    sort_the_rest();
    result_.model->eval();
    if (options_.strict) require_all();
    return std::move(result_);
  }

 private:
  ImportReport& report() { return result_.report; }

  void find_arch() {
    report().notes = source_.notes();
    if (options_.arch) {
      arch_ = *options_.arch;
      return;
    }
    const InferredArch inferred = infer();
    arch_ = inferred.arch;
    for (const std::string& assumption : inferred.assumptions) report().notes.push_back("assumed: " + assumption);
  }

  InferredArch infer() const {
    return source_.format() == WeightFormat::kTensorFlow ? infer_tf_arch(source_.shapes(), source_.where())
                                                         : infer_torch_arch(source_.shapes(), source_.where());
  }

  int64_t input_size(const HeadSize& head) {
    if (arch_.pool != PoolType::kFlatten) return ClassifierOptions().image_size;
    if (options_.image_size > 0) return options_.image_size;
    report().notes.push_back(concat("assumed: inputs of ", head.image_size, "x", head.image_size,
                                    ", the largest that `flatten` allows; give `image_size` for another"));
    return head.image_size;
  }

  /// The file's name for a variable: itself, or its moving average when that is wanted and there.
  std::string stored_name(const std::string& name) {
    if (!options_.averages || source_.format() != WeightFormat::kTensorFlow) return name;
    if (!source_.shapes().contains(name + kAverage)) return name;
    ++averaged_;
    return name + kAverage;
  }

  void load(const TfVariable& variable) {
    variables_.insert(variable.tf_name);
    const std::string stored = stored_name(variable.tf_name);
    const auto found = source_.shapes().find(stored);
    torch::Tensor target = targets_.at(variable.name);
    if (found == source_.shapes().end()) {
      if (is_squeeze_bias(variable.name)) {
        ++zero_biases_;
        return;  // they start at 0, which is what their absence means
      }
      report().missing.push_back(variable.tf_name);
      return;
    }
    const std::vector<int64_t> expected = tf_shape(target.sizes().vec(), variable.layout);
    if (found->second != expected) {
      report().misshaped.push_back(concat(stored, " (", show(found->second), ", expected ", show(expected), ")"));
      return;
    }
    const torch::NoGradGuard no_grad;
    target.detach().copy_(from_tf(source_.read(stored), variable.layout));
    ++report().loaded;
  }

  void sort_the_rest() {
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
        report().notes.push_back(concat("set aside: ", name));
      } else {
        report().unexpected.push_back(name);
      }
    }
    for (const auto& [slot, count] : slots) note_slot(slot, count);
    note_count(counters, "counters of batches, on which nothing depends, were set aside");
    note_count(no_effect, "biases of squeeze and excitation are all zero and were left out");
    note_count(zero_biases_, "biases of squeeze and excitation are not in the file and were set to zero");
    note_averages(slots.contains(kAverage + 1));
  }

  void read_step() {
    const torch::Tensor step = source_.read("global_step");
    if (step.numel() != 1) return report().unexpected.push_back("global_step");
    report().global_step = step.item<int64_t>();
    report().notes.push_back(concat("global step ", *report().global_step));
  }

  void note_slot(const std::string& slot, size_t count) {
    if (slot == kAverage + 1) {
      if (!options_.averages) {
        report().notes.push_back(
            concat(count, " moving averages were set aside; `averages` takes them in the weights' place"));
      }
    } else {
      report().notes.push_back(concat(count, " optimizer slots '", slot, "' were set aside"));
    }
  }

  void note_count(size_t count, const char* what) {
    if (count > 0) report().notes.push_back(concat(count, " ", what));
  }

  void note_averages(bool stored) {
    if (!options_.averages || source_.format() != WeightFormat::kTensorFlow) return;
    if (!stored) {
      throw InputError(source_.where(), "holds no moving averages (X/ExponentialMovingAverage)",
                       "leave out `averages`");
    }
    report().notes.push_back(concat(averaged_, " of ", variables_.size(), " weights are moving averages"));
  }

  void require_all() {
    Defects missing("missing"), unexpected("unexpected"), misshaped("mis-shaped");
    for (const std::string& name : report().missing) missing.add(name);
    for (const std::string& name : report().unexpected) unexpected.add(name);
    for (const std::string& name : report().misshaped) misshaped.add(name);
    const std::string defects = missing.text() + unexpected.text() + misshaped.text();
    if (defects.empty()) return;
    throw InputError(source_.where(), concat("its tensors are not those of ", arch_.str(), ":", defects, looks_like()),
                     "give the right `arch`, or `!strict` to convert what fits (the report lists every name)");
  }

  std::string looks_like() const {
    if (!options_.arch) return "";
    try {
      const Arch seen = infer().arch;
      return seen == arch_ ? "" : concat("\n  they look like ", seen.str());
    } catch (const InputError&) {
      return "";
    }
  }

  const WeightSource& source_;
  const ImportOptions& options_;
  Arch arch_;
  ImportedModel result_;
  std::map<std::string, torch::Tensor> targets_;
  std::set<std::string> variables_;  // names that the network has in the file
  size_t averaged_ = 0;
  size_t zero_biases_ = 0;
};

}  // namespace

ImportedModel import_weights(const WeightSource& source, const ImportOptions& options) {
  return Importer(source, options).run();
}

}  // namespace assemble
