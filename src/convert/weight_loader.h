// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "assemble/convert/naming.h"
#include "assemble/convert/weight_import.h"

namespace assemble {

/// Copies tensors of a file into a network, one after the other, and sorts what else the file holds.
class WeightLoader {
 public:
  /// @param averages take X/ExponentialMovingAverage for X where it exists
  /// @param report is filled; both must outlive the loader
  WeightLoader(const WeightSource& source, bool averages, ImportReport& report)
      : source_(source), averages_(averages && source.format() == WeightFormat::kTensorFlow), report_(report) {}

  /// Copies a tensor when name and shape fit, which it returns; else reports what is wrong.
  bool load(const TfVariable& variable, const torch::Tensor& target);
  /// Whether a tensor of that name and shape is there.
  bool fits(const TfVariable& variable, const torch::Tensor& target) const;
  /// A tensor that the file may have and that is not taken, nor are its slots unexpected.
  void leave(const std::string& name) { variables_.insert(name); }
  /// To be called once all are loaded: notes what was recognised and set aside, and reports the rest as unexpected.
  /// @throws InputError when averages are wanted and there are none
  void sort_the_rest();

 private:
  std::string stored_name(const std::string& name) const;
  void read_step();
  void note_slot(const std::string& slot, size_t count);
  void note_count(size_t count, const char* what);
  void note_averages(bool stored);

  const WeightSource& source_;
  const bool averages_;
  ImportReport& report_;
  std::set<std::string> variables_;  // names that the network has in the file
  size_t averaged_ = 0;
  size_t zero_biases_ = 0;
};

}  // namespace assemble
