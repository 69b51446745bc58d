// SPDX-License-Identifier: Apache-2.0
// The classes of ILSVRC 2012 (Russakovsky et al. 2015): WordNet's synset numbers, and a short name of each. A class of
// a data set or model is named by its bare synset; the readable name stands beside it where people read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assemble {

/// One of the 1,000 classes.
struct ImageNetClass {
  uint32_t number;        ///< WordNet's, of a noun: 1440764 is n01440764
  std::string_view name;  ///< "tench"; no two classes have the same
};

/// All 1,000, in the order of their synsets, which is that of the outputs of published networks of 1,000 classes.
std::span<const ImageNetClass> imagenet_classes();

/// "n01440764"
std::string synset_text(uint32_t number);

/// The 1,000 synsets in order; `with_background`, with "background" before them, as the original's data and networks.
std::vector<std::string> imagenet_synsets(bool with_background = false);

/// Index of a synset among the 1,000; nothing for any other text.
std::optional<int> imagenet_index(std::string_view synset);

/// The synset that a class name is or begins with: "n01440764", "n01440764 tench" and "n01440764_tench" give
/// "n01440764", whether it is one of the 1,000 or not. Empty when the name begins with none.
std::string_view synset_of(std::string_view class_name);

/// What a class is called: a synset where its name is or begins with one, else its name. Two sides that mean the same
/// class by "n01440764" and "n01440764 tench" have the same.
std::string_view class_key(std::string_view class_name);

/// What people call the class: the name of one of the 1,000 synsets, else what stands behind a synset, else empty.
std::string_view readable_name(std::string_view class_name);

/// A class as people are shown it: "n01440764 tench" for the synset, any other name as it is.
std::string shown_class(std::string_view class_name);

}  // namespace assemble
