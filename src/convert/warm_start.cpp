// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/warm_start.h"

#include <map>
#include <optional>
#include <set>

#include "assemble/convert/infer_arch.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/models/defects.h"
#include "assemble/models/model_file.h"
#include "weight_loader.h"

namespace assemble {
namespace {

/// An arch without what a warm start may change.
Arch backbone_of(Arch arch) {
  arch.pool = PoolType::kAverage;
  arch.embedding = 0;
  arch.no_downsample = false;
  arch.blur_size = 0;
  arch.blur_conv = arch.blur_projection = arch.blur_max = false;
  return arch;
}

/// Names that the heads of such networks have in a file, with an embedding or without.
std::set<std::string> head_names(Arch arch, Naming naming) {
  NamedTensors own;
  for (const char* name : {"embedding.weight", "embedding_bn.weight", "embedding_bn.bias", "embedding_bn.running_mean",
                           "embedding_bn.running_var", "fc.weight", "fc.bias"}) {
    own.emplace_back(name, torch::Tensor());
  }
  arch.embedding = 1;
  std::set<std::string> names;
  for (const TfVariable& variable : name_map(arch, own, naming)) {
    if (ClassifierImpl::is_head_parameter(variable.name)) names.insert(variable.tf_name);
  }
  return names;
}

/// The network that a file says it holds, or looks like; nothing when that cannot be told.
struct StoredArch {
  std::optional<Arch> arch;
  bool is_certain = false;
};

StoredArch arch_in(const WeightSource& source, const fs::path& path) {
  if (is_model_file(path)) {
    const SafetensorsFile file(path);
    return {arch_of(file, read_model_card(file)), true};
  }
  try {
    return {infer_arch(source).arch, false};
  } catch (const InputError&) {
    return {};
  }
}

class Starter {
 public:
  Starter(ClassifierImpl& model, const WeightSource& source, const StoredArch& stored, bool averages,
          bool keeps_classifier)
      : model_(model),
        source_(source),
        naming_(find_naming(source)),
        stored_(stored),
        keeps_classifier_(keeps_classifier),
        loader_(source, averages, report_) {
    result_.notes = source.notes();
  }

  WarmStart run() {
    if (stored_.is_certain && backbone_of(*stored_.arch) != backbone_of(model_.arch())) refuse("");
    const NamedTensors state = model_.named_state();
    const std::map<std::string, torch::Tensor> targets(state.begin(), state.end());
    for (const std::string& name : head_names(model_.arch(), naming_)) {
      loader_.leave(name);
      if (source_.shapes().contains(name)) left_.insert(name);
    }
    for (const TfVariable& variable : name_map(model_.arch(), state, naming_)) {
      take(variable, targets.at(variable.name));
    }
    loader_.sort_the_rest();
    require_backbone();
    return finish();
  }

 private:
  void take(const TfVariable& variable, const torch::Tensor& target) {
    const bool is_head = ClassifierImpl::is_head_parameter(variable.name);
    const bool is_classifier = ClassifierImpl::is_classifier_parameter(variable.name);
    const bool fits = loader_.fits(variable, target);
    if (is_classifier && keeps_classifier_ && !fits) {
      throw InputError(source_.where(), concat("has no ", variable.tf_name, " of the network's shape"),
                       "the classifier has to start afresh");
    }
    const bool is_new = (is_classifier && !keeps_classifier_) || !fits;
    if (is_head && is_new) {
      result_.fresh.push_back(variable.name);
      return;
    }
    if (!loader_.load(variable, target)) return;
    left_.erase(variable.tf_name);
    taken_.emplace_back(variable.name, target);
  }

  void require_backbone() const {
    Defects missing("missing"), unexpected("unexpected"), misshaped("mis-shaped");
    for (const std::string& name : report_.missing) missing.add(name);
    for (const std::string& name : report_.unexpected) unexpected.add(name);
    for (const std::string& name : report_.misshaped) misshaped.add(name);
    const std::string defects = missing.text() + unexpected.text() + misshaped.text();
    if (!defects.empty()) refuse(defects);
    const std::string damaged = not_finite(taken_);
    if (damaged.empty()) return;
    throw InputError(source_.where(), "holds a network that computes nothing:" + damaged,
                     "its training diverged, or the file is damaged: use an earlier model");
  }

  [[noreturn]] void refuse(const std::string& defects) const {
    const char* verb = stored_.is_certain ? "holds" : "looks like";
    const std::string held = stored_.arch ? concat(verb, " the network ", stored_.arch->str(), ", but ") : "";
    throw InputError(
        source_.where(), concat(held, model_.arch().str(), " is to be trained", defects),
        "only pooling, embedding, filters (aaN), last stride and classes may differ: use another `arch` or "
        "another file");
  }

  WarmStart finish() {
    result_.taken = taken_.size();
    result_.left.assign(left_.begin(), left_.end());
    result_.notes.insert(result_.notes.end(), report_.notes.begin(), report_.notes.end());
    for (std::string& note : result_.notes) {
      const size_t option = note.find("`averages`");
      if (option != std::string::npos) note.insert(option + 1, "pretrained_");
    }
    if (stored_.arch && *stored_.arch != model_.arch()) {
      result_.notes.push_back(concat("the file ", stored_.is_certain ? "holds " : "looks like ", stored_.arch->str(),
                                     ", trained is ", model_.arch().str()));
    }
    return std::move(result_);
  }

  ClassifierImpl& model_;
  const WeightSource& source_;
  const Naming naming_;
  const StoredArch& stored_;
  const bool keeps_classifier_;
  ImportReport report_;
  WeightLoader loader_;
  NamedTensors taken_;
  std::set<std::string> left_;
  WarmStart result_;
};

}  // namespace

std::string WarmStart::text() const {
  std::string line = concat(taken, " tensors; new: ", fresh.empty() ? "nothing" : join(fresh, ", "));
  if (!left.empty()) line += concat("; left in the file: ", join(left, ", "));
  for (const std::string& note : notes) line += "; " + note;
  return line;
}

WarmStart warm_start(ClassifierImpl& model, const fs::path& path, bool averages, bool keeps_classifier) {
  const std::unique_ptr<WeightSource> source = open_weights(path, averages);
  const StoredArch stored = arch_in(*source, path);
  return Starter(model, *source, stored, averages, keeps_classifier).run();
}

}  // namespace assemble
