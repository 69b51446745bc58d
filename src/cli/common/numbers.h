// SPDX-License-Identifier: Apache-2.0
// What the numeric options take. Every one of them has one of these ranges, given with transform(): text that is no
// number of the range, nan and what does not fit into 64 bits are refused by the option's name. Numbers are decimal,
// whatever the locale: 010 is ten.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace assemble::cli {

/// Whole numbers from `least` to `most`.
CLI::Validator whole(int64_t least, int64_t most);
/// How many of something, images or epochs.
CLI::Validator at_least(int64_t least);
/// Pixels along a side of an image.
CLI::Validator side(int64_t least);
/// Threads; 0: every core.
CLI::Validator thread_count();
/// Seeds: any whole number without sign.
CLI::Validator seed();
/// Finite numbers from `least` to `most`.
CLI::Validator real(double least, double most);
/// Finite numbers of 0 or more.
CLI::Validator not_negative();
/// Finite numbers above 0.
CLI::Validator positive();
/// Shares and probabilities: 0 … 1.
CLI::Validator share();
/// What `numbers` takes, or a word.
CLI::Validator or_word(const std::string& word, const CLI::Validator& numbers);

}  // namespace assemble::cli
