// SPDX-License-Identifier: Apache-2.0
// How the classes of a data set meet the outputs of a network: the one place for every measure and for teach.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "assemble/data/dataset.h"
#include "assemble/eval/network.h"

namespace assemble {

/// What the user says about it.
struct PairingOptions {
  /// Not together with class_map. Output = label + label_offset: 1 for labels 0 … 999 and 1,001 outputs, -1 the other
  /// way round, 0 by order.
  std::optional<int64_t> label_offset = {};
  /// Text file in UTF-8, a line a class: CLASS,OUTPUT or CLASS TAB OUTPUT. CLASS is a name of the data set's classes,
  /// or a label; OUTPUT a name of the model's classes, or the index of an output. Names with commas are quoted.
  /// "imagenet" stands for the table of ImageNet's synsets, for models of 1,000 or 1,001 outputs.
  fs::path class_map = {};

  /// All outputs compete, also where the data set has a part of the classes: a sample of a larger set's images.
  bool all_outputs = false;
  /// What errors advise.
  std::string way_out =
      "say which output each class is by a `label_offset` (0: in their order) or a `class_map`, name the outputs of "
      "another program's network by `class_names`, or fine-tune the model with train --pretrained";

  bool given() const { return label_offset || !class_map.empty(); }
};

/// One side's classes, and what it is called in errors.
struct ClassList {
  std::vector<std::string> names;
  std::string where;
};

/// What a teacher's logit is for a class that the teacher has no output for, the background: next to no probability.
inline constexpr float kNoLogit = -1e4f;

/// Are the names the numbers 0, 1, 2 … that stand where a model or data set has none?
bool are_numbers(const std::vector<std::string>& names);

/// Which output each class of a data set is.
///
/// By the names where both sides have them: two names meet that are equal, or mean the same synset ("n01440764" and
/// "n01440764 tench"). A network of 1,000 or 1,001 outputs with numbers for names meets classes that all are ImageNet's
/// synsets through imagenet_classes(). Everything else needs PairingOptions. The class "background" of a data set may
/// have no output: no image is of it.
///
/// Where the data set has all classes of the network but for its background, all outputs compete. Where it has a part
/// (ImageNet-A, ImageNet-R, ImageNet-100), the outputs of those classes alone do, but under label_offset or
/// all_outputs.
class ClassPairing {
 public:
  /// @throws UsageError for both options at once; InputError when the sides do not meet, saying what they hold, and for
  ///         a class map that is no UTF-8, names a class or output twice, one that is not there, or not every class
  ClassPairing(ClassList network, ClassList data, const PairingOptions& options = {});

  /// Do both sides have the same names in the same order?
  bool same() const { return by_ == By::kSame; }
  /// Do outputs of the network take no part?
  bool partial() const { return !measured_.empty(); }
  /// Names of the classes that are told apart, in order of the columns of measured().
  const std::vector<std::string>& names() const { return names_; }

  /// The network with the logits of those classes alone.
  Network measured(const Network& network) const;
  /// `outputs` of that network.
  Outputs measured(Outputs outputs) const;
  /// The network with its logits in the order of the data set's classes; kNoLogit for a class without an output.
  /// @throws UsageError under label_offset, where the data set's classes have no names to count them by
  Network in_order_of_data(const Network& network) const;
  Matrix in_order_of_data(Matrix logits) const;

  /// Do the same outputs compete in both?
  bool measures_like(const ClassPairing& other) const { return columns_ == other.columns_; }
  /// The network's output of a column of measured().
  int64_t output(int64_t column) const { return partial() ? measured_.at(static_cast<size_t>(column)) : column; }
  /// Column of measured() for a label of the data set. @throws InputError, naming `where`, when it has none
  int64_t column(int64_t label, const std::string& where) const;

  /// The output of each class of the data set: what tells pairings apart.
  const std::vector<int64_t>& order() const { return outputs_; }
  /// The data set's classes.
  const std::vector<std::string>& data_names() const { return data_.names; }
  /// {by, data_classes, model_outputs, measured_outputs}
  nlohmann::ordered_json to_json() const;
  /// One line for people.
  std::string to_text() const;

 private:
  enum class By { kSame, kNames, kSynsets, kOffset, kMap };

  void pair_by_names();
  bool pair_by_synsets();
  std::optional<std::vector<int64_t>> outputs_by_table() const;
  void pair_by_offset(int64_t offset);
  /// @throws InputError where the names of both sides, or ImageNet's table, say other outputs than the offset
  void require_as_named() const;
  void choose_measured(bool all_outputs);
  void require_data_names() const;
  [[noreturn]] void refuse(const std::string& what, const std::string& hint = "") const;

  ClassList network_, data_;
  std::string way_out_;
  By by_ = By::kSame;
  int64_t offset_ = 0;
  std::vector<int64_t> outputs_;   ///< by label; -1: none
  std::vector<int64_t> measured_;  ///< outputs that compete; empty: all
  std::vector<int64_t> columns_;   ///< by output; -1: does not compete
  std::vector<std::string> names_;
};

/// Names of a network's outputs as a class map calls them; those it leaves out keep theirs.
/// @throws InputError for a class map as ClassPairing does
std::vector<std::string> mapped_names(const fs::path& class_map, const ClassList& network);

/// A data set whose labels are the columns of a pairing's measured network; without teacher's logits. Both must outlive
/// it.
class PairedDataset : public Dataset {
 public:
  PairedDataset(const Dataset& dataset, const ClassPairing& pairing) : dataset_(dataset), pairing_(pairing) {}
  int64_t size() const override { return dataset_.size(); }
  /// @throws InputError as the data set's, and for a label without an output
  Sample read(int64_t index) const override;
  int64_t label(int64_t index) const override;
  const std::vector<std::string>& class_names() const override { return pairing_.names(); }
  bool multi_label() const override { return dataset_.multi_label(); }
  std::vector<std::string> defects() const override { return dataset_.defects(); }
  std::string where() const override { return dataset_.where(); }
  std::string part() const override { return dataset_.part(); }
  PassedOver passed_over() const override { return dataset_.passed_over(); }

 private:
  const Dataset& dataset_;
  const ClassPairing& pairing_;
};

/// How a data set must be opened for these options: with an offset, labels of records are numbers of their own.
/// @param several whether images may have several classes, where there is no offset
ClassRule rule_of(const PairingOptions& options, bool several = false);

}  // namespace assemble
