// SPDX-License-Identifier: Apache-2.0
#include "check/faults.h"

#include <algorithm>
#include <array>
#include <optional>

#include "assemble/core/text.h"

namespace assemble::check {
namespace {

// docs/results/dataset_check.csv has what these find in photos and in the same photos blurred, darkened and brightened.
constexpr double kSharp = 0.13;
constexpr int kLeastContrast = 24;  // of an image that can be called soft
constexpr int kDark = 64, kBright = 204;
constexpr int kColourless = 8;
constexpr double kUniform = 5;
constexpr double kOddAspect = 3;
constexpr int kTiny = 16;
constexpr double kOddSize = 4;

int short_side(ImageSize size) { return std::min(size.height, size.width); }
double aspect(ImageSize size) {
  return static_cast<double>(std::max(size.height, size.width)) / std::max(short_side(size), 1);
}

/// What is usual among the images that can be read.
struct Usual {
  double side = 0;
  double aspect = 1;
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

Usual usual_of(const std::vector<Look>& looks) {
  std::vector<double> sides, aspects;
  for (const Look& look : looks) {
    if (!look.broken.empty()) continue;
    sides.push_back(short_side(look.size));
    aspects.push_back(aspect(look.size));
  }
  return {median(std::move(sides)), median(std::move(aspects))};
}

/// The faults of one image, each with what is odd in words.
class Judge {
 public:
  Judge(const Look& look, const std::string& name, const Usual& usual) : look_(look) {
    if (!look.broken.empty()) {
      add(ImageFault::kBroken, look.broken);
      return;
    }
    judge_file(name);
    judge_shape(usual);
    judge_pixels();
  }

  std::vector<std::pair<ImageFault, std::string>> found;

 private:
  void add(ImageFault fault, std::string what) { found.emplace_back(fault, std::move(what)); }

  void judge_file(const std::string& name) {
    const ImageFormat named = format_of_extension(name);
    if (named != ImageFormat::kUnknown && named != look_.format) {
      add(ImageFault::kWrongExtension, concat("is a ", format_name(look_.format)));
    }
    if (look_.orientation != 1) add(ImageFault::kTurned, concat("EXIF orientation ", look_.orientation));
  }

  void judge_shape(const Usual& usual) {
    const std::string size = concat(look_.size.width, "×", look_.size.height, " pixels");
    const double shape = aspect(look_.size);
    if (shape > kOddAspect && (shape > 2 * usual.aspect || 2 * shape < usual.aspect)) add(ImageFault::kOddAspect, size);
    const int side = short_side(look_.size);
    if (side < kTiny || side * kOddSize < usual.side || side > usual.side * kOddSize) {
      add(ImageFault::kOddSize, concat(size, ", median short side ", format_number(usual.side, 0)));
    }
  }

  void judge_pixels() {
    const Measures& m = look_.measures;
    if (m.deviation < kUniform) {
      add(ImageFault::kUniform, concat("deviation ", format_number(m.deviation, 1), " levels"));
      return;
    }
    if (m.dark_end < kDark) add(ImageFault::kDark, concat("95 % of the pixels are below level ", m.dark_end + 1));
    if (m.bright_end > kBright)
      add(ImageFault::kBright, concat("95 % of the pixels are above level ", m.bright_end - 1));
    // Dark pixels hardly have colours.
    if (m.colour <= kColourless && m.dark_end >= kDark) add(ImageFault::kGray, "no colour");
    if (m.sharpness < kSharp && m.contrast >= kLeastContrast) {
      add(ImageFault::kBlurred, concat("sharpness ", format_number(m.sharpness, 3)));
    }
  }

  const Look& look_;
};

/// Faults that are the nature of a set in which most images have them.
bool may_be_usual(ImageFault fault) { return fault >= ImageFault::kBlurred && fault <= ImageFault::kUniform; }

/// The split that a network learns from: the first.
constexpr size_t kLearnt = 0;

class ClassJudge {
 public:
  explicit ClassJudge(CheckResult& result) : result_(result) {}

  void judge() {
    if (result_.classes.empty()) return;
    if (result_.classes.size() == 1) {
      add("one_class", result_.classes.front(), "is the only class: a classifier needs two");
    }
    for (size_t label = 0; label < result_.classes.size(); ++label) judge_splits(label);
    judge_sizes();
  }

 private:
  void add(const std::string& kind, const std::string& class_name, const std::string& what) {
    result_.class_findings.push_back({kind, class_name, what});
  }

  static std::string images_of(const CheckedSplit& split, int64_t count) {
    const char* images = count == 1 ? "image" : "images";
    return split.name == kOfNoSplit ? images : concat(split.name, " ", images);
  }

  int64_t count(size_t split, size_t label) const { return result_.splits[split].per_class[label]; }

  void judge_splits(size_t label) {
    const std::string& name = result_.classes[label];
    const auto has = [&](const CheckedSplit& split) { return split.per_class[label] > 0; };
    if (std::ranges::none_of(result_.splits, has)) {
      add("empty", name, "has no images");
      return;
    }
    for (const CheckedSplit& split : result_.splits) {
      if (has(split)) continue;
      add("not_in_" + split.name, name, "has no " + images_of(split, 0));
    }
  }

  void judge_sizes() {
    constexpr int64_t kFew = 10;
    constexpr int64_t kImbalance = 10;
    size_t most = 0;
    for (size_t label = 0; label < result_.classes.size(); ++label) {
      if (count(kLearnt, label) > count(kLearnt, most)) most = label;
    }
    const CheckedSplit& split = result_.splits[kLearnt];
    for (size_t label = 0; label < result_.classes.size(); ++label) {
      const int64_t images = count(kLearnt, label);
      if (images == 0) continue;
      const std::string few = concat("has ", images, " ", images_of(split, images));
      if (images < kFew) add("too_small", result_.classes[label], few);
      if (images * kImbalance <= count(kLearnt, most)) {
        add("imbalanced", result_.classes[label],
            concat(few, ", '", result_.classes[most], "' has ", count(kLearnt, most)));
      }
    }
  }

  CheckResult& result_;
};

}  // namespace

void find_faults(const std::vector<Look>& looks, CheckResult& result) {
  const Usual usual = usual_of(looks);
  const std::vector<std::string> kinds = kImageFaults.names();
  std::vector<std::vector<FaultyImage>> by_fault(kinds.size());
  int64_t readable = 0;
  for (size_t i = 0; i < looks.size(); ++i) {
    if (looks[i].broken.empty()) ++readable;
    for (auto& [fault, what] : Judge(looks[i], result.images[i].name, usual).found) {
      by_fault[static_cast<size_t>(fault)].push_back({static_cast<int64_t>(i), fault, std::move(what)});
    }
  }
  for (std::vector<FaultyImage>& some : by_fault) {
    if (some.empty()) continue;
    const ImageFault fault = some.front().fault;
    if (readable > 1 && may_be_usual(fault) && 2 * static_cast<int64_t>(some.size()) > readable) {
      result.of_most.push_back(fault);
    } else {
      result.faults.insert(result.faults.end(), some.begin(), some.end());
    }
  }
}

void find_class_faults(CheckResult& result) { ClassJudge(result).judge(); }

}  // namespace assemble::check
