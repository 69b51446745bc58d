// SPDX-License-Identifier: Apache-2.0
#include "assemble/convert/weight_import.h"

#include <map>

#include "assemble/convert/infer_arch.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/models/defects.h"
#include "weight_loader.h"

namespace assemble {
namespace {

class Importer {
 public:
  Importer(const WeightSource& source, const ImportOptions& options) : source_(source), options_(options) {}

  ImportedModel run() {
    find_arch();
    const Naming naming = find_naming(source_);
    const HeadSize head = infer_head(source_.shapes(), arch_, naming, source_.where());
    result_.model = make_classifier(arch_, {.classes = head.classes, .image_size = input_size(head)});
    const NamedTensors state = result_.model->named_state();
    const std::map<std::string, torch::Tensor> targets(state.begin(), state.end());
    WeightLoader loader(source_, options_.averages, report());
    for (const TfVariable& variable : name_map(arch_, state, naming)) {
      loader.load(variable, targets.at(variable.name));
    }
    loader.sort_the_rest();
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
      note_builder();
      return;
    }
    const InferredArch inferred = infer_arch(source_);
    arch_ = inferred.arch;
    for (const std::string& assumption : inferred.assumptions) report().notes.push_back("assumed: " + assumption);
  }

  /// Names that say who built a network say what it computes, too.
  void note_builder() {
    const Naming naming = find_naming(source_);
    if (naming == Naming::kOriginal || naming == Naming::kOwn) return;
    const Arch theirs = infer_arch(source_).arch;
    if (arch_.timm == theirs.timm && arch_.slim == theirs.slim && arch_.tf2 == theirs.tf2) return;
    report().notes.push_back(concat("assumed: ", arch_.str(), " as asked for; by its names the file holds ",
                                    theirs.str(), ", which computes other numbers"));
  }

  int64_t input_size(const HeadSize& head) {
    if (arch_.pool != PoolType::kFlatten) return ClassifierOptions().image_size;
    if (options_.image_size > 0) return options_.image_size;
    report().notes.push_back(concat("assumed: inputs of ", head.image_size, "x", head.image_size,
                                    ", the largest that `flatten` allows; give `image_size` for another"));
    return head.image_size;
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
      const Arch seen = infer_arch(source_).arch;
      return seen == arch_ ? "" : concat("\n  they look like ", seen.str());
    } catch (const InputError&) {
      return "";
    }
  }

  const WeightSource& source_;
  const ImportOptions& options_;
  Arch arch_;
  ImportedModel result_;
};

}  // namespace

ImportedModel import_weights(const WeightSource& source, const ImportOptions& options) {
  return Importer(source, options).run();
}

}  // namespace assemble
