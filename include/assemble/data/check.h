// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/data/dataset.h"
#include "assemble/data/derived_folder.h"

namespace assemble {

/// @file
/// What is wrong with a data set. Every image is read once, by several threads, and decoded at the reduced size that
/// JPEG allows; about 2 KiB an image stay in memory. The result does not depend on the number of threads.

/// What may be odd about one image. Photos are looked at as their EXIF tag turns them, halved until their short side is
/// below 256 pixels, so that the same photo in two sizes is judged alike.
enum class ImageFault {
  kBroken,          ///< cannot be read or decoded
  kWrongExtension,  ///< the file's extension is another format's
  kTurned,          ///< an EXIF tag turns it, which training follows when asked to (ExifRule)
  kBlurred,         ///< its strongest edges are soft in some direction: out of focus, shaken or enlarged
  kDark,            ///< 95 % of the pixels are darker than a quarter of the range
  kBright,          ///< 95 % of the pixels are brighter than four fifths of the range
  kGray,            ///< without colour, where most images have some
  kUniform,         ///< all pixels are nearly the same
  kOddAspect,       ///< one side is more than three times the other, and the set's median is another
  kOddSize,         ///< the short side is below 16 pixels, or a quarter or four times of the set's median
};
inline constexpr auto kImageFaults = choices<ImageFault>("fault", {{ImageFault::kBroken, "broken"},
                                                                   {ImageFault::kWrongExtension, "wrong_extension"},
                                                                   {ImageFault::kTurned, "exif_turned"},
                                                                   {ImageFault::kBlurred, "blurred"},
                                                                   {ImageFault::kDark, "dark"},
                                                                   {ImageFault::kBright, "bright"},
                                                                   {ImageFault::kGray, "gray"},
                                                                   {ImageFault::kUniform, "uniform"},
                                                                   {ImageFault::kOddAspect, "odd_aspect"},
                                                                   {ImageFault::kOddSize, "odd_size"}});

/// How an image is like another one.
enum class Likeness {
  kSameBytes,
  kSamePixels,  ///< in another file: metadata, compression or format differ
  kReencoded,   ///< the same size, other pixels
  kResized,
  kCropped,   ///< one shows at least about three quarters of the other
  kMirrored,  ///< left to right; perhaps cropped or resized too
};
inline constexpr auto kLikenesses = choices<Likeness>("likeness", {{Likeness::kSameBytes, "same_bytes"},
                                                                   {Likeness::kSamePixels, "same_pixels"},
                                                                   {Likeness::kReencoded, "reencoded"},
                                                                   {Likeness::kResized, "resized"},
                                                                   {Likeness::kCropped, "cropped"},
                                                                   {Likeness::kMirrored, "mirrored"}});

/// An image that was looked at.
struct CheckedImage {
  size_t split = 0;       ///< among those given
  int64_t index = 0;      ///< in it
  int64_t label = -1;     ///< among CheckResult::classes; -1: none
  std::string name = {};  ///< path below the data set's folder; in records and archives theirs, with the image's place
  int height = 0;         ///< as it is shown; 0: cannot be read
  int width = 0;
};

/// Something odd about one image.
struct FaultyImage {
  int64_t image = 0;
  ImageFault fault = ImageFault::kBroken;
  std::string what;  ///< in words
};

/// An image of a group, and another of the group that it is like.
struct DuplicateMember {
  int64_t image = 0;
  int64_t of = 0;  ///< itself for the first
  Likeness likeness = Likeness::kSameBytes;
};

/// Images that are the same or nearly.
struct DuplicateGroup {
  std::vector<DuplicateMember> members;  ///< in order
  bool leak = false;                     ///< they lie in more than one split
  bool conflict = false;                 ///< they have different labels
  bool near = false;                     ///< some differ in their pixels
};

/// What is odd about a class, or about all of them.
struct ClassFinding {
  std::string
      kind;  ///< "too_small", "imbalanced", "empty", "not_in_training", "not_in_validation" …, "one_class", "alike"
  std::string class_name;
  std::string what;  ///< in words
};

/// What was found in one split.
struct CheckedSplit {
  std::string name;    ///< "train", "validation", "test"; "images" for images of no split
  std::string source;  ///< folder or files
  int64_t images = 0;
  std::vector<int64_t> per_class;
  PassedOver passed_over;
  std::vector<std::string> defects;  ///< damage by which images were lost
};

/// How far the images around an image agree with its label (assemble/eval/label_scores.h).
struct LabelScore {
  int64_t image = 0;
  double score = 0;       ///< share of the votes for its label less that of the most voted other: -1 … 1
  int64_t suggested = 0;  ///< the most voted other
};
/// Scores from here down are those of labels that are likely wrong.
inline constexpr double kDoubtedScore = -0.5;

struct CheckResult {
  std::vector<CheckedSplit> splits;
  std::vector<std::string> classes;  ///< of all splits
  std::vector<CheckedImage> images;
  std::vector<FaultyImage> faults;  ///< by kind, then by image
  std::vector<ImageFault> of_most;  ///< what most images are, which is no fault: not among the faults
  std::vector<DuplicateGroup> duplicates;
  std::vector<ClassFinding> class_findings;
  std::vector<LabelScore> label_scores;  ///< lowest first; filled in by whoever has a model

  int64_t count(ImageFault fault) const;
  /// The name of an image's class; empty where it has none.
  const std::string& class_name(int64_t image) const;
};

struct CheckOptions {
  int threads = 0;  ///< 0: every core
};

/// Looks over a data set.
/// @param root what was given as the data set, below which names of files are shown
/// @throws InputError when there are no images at all, saying what lies there instead
CheckResult check_dataset(const fs::path& root, const std::vector<OpenSplit>& splits, const CheckOptions& options = {});

/// All findings, with the counts of each kind.
nlohmann::ordered_json to_json(const CheckResult& result);

/// What was found of one kind, as people read it.
struct Finding {
  struct Picture {
    int64_t image;
    std::string what;
  };

  std::string kind;  ///< a fault's name, "leaks", "label_conflicts", "duplicates", "near_duplicates", "label_doubts"
  std::string title;
  std::string advice;                        ///< what to do about it
  std::vector<std::vector<Picture>> groups;  ///< images that belong together; of other kinds one an image
  bool spoils_figures = false;               ///< what is measured on the set is not to be trusted
};

/// Kinds of which something was found, the gravest first. A group of duplicates stands under the gravest that it is.
std::vector<Finding> findings_of(const CheckResult& result);

/// Findings as rows of a table below their head: what, images, groups where they are of groups, an example.
std::vector<std::vector<std::string>> table_of(const std::vector<Finding>& findings, const CheckResult& result);

/// An image that a cleaned data set goes without.
struct LeftOut {
  int64_t image = 0;
  std::string kind;  ///< one of kLeftOutKinds
};

/// What may be left out: groups of duplicates, or images with a fault.
std::vector<std::string> left_out_kinds();

/// The images that a cleaned data set goes without, in order, each once. Of duplicates one stays: that of the last
/// split, so that what is measured does not change, of its the largest, of these the first; none where the labels
/// differ.
/// @param kinds of left_out_kinds(). @throws UsageError for others
std::vector<LeftOut> left_out(const CheckResult& result, const std::vector<std::string>& kinds);

/// Copies the images of a folder but for some, under their own paths. The folder goes on where it was interrupted; of
/// another data set or with other images left out it is refused. The data set itself is only read.
/// @throws UsageError when the images are no files, or the folder lies in the data set or around it; RunError when it
///         cannot be written
CopiedFiles copy_cleaned(const fs::path& root, const std::vector<OpenSplit>& splits, const CheckResult& result,
                         const std::vector<LeftOut>& without, const fs::path& output);

/// The paths of the images left out, below the data set's folder, one a line, in the bytes they have there; of records
/// and archives their names.
/// @throws InputError for a name with a line end
std::string list_left_out(const fs::path& root, const std::vector<OpenSplit>& splits, const CheckResult& result,
                          const std::vector<LeftOut>& without);

/// An image small, as a JPEG: the long side is at most `side`; nothing when it cannot be decoded.
Bytes thumbnail(const Dataset& dataset, int64_t index, int side);

}  // namespace assemble
