// SPDX-License-Identifier: Apache-2.0
// Measures of robustness that several processes share are those of one process.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/eval/measured_ensemble.h"
#include "drawn_data.h"
#include "meeting.h"

namespace assemble {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kClasses = 8;

/// Answers that hang on many pixels.
Matrix answer(const Images& images) {
  const auto pixels = static_cast<size_t>(images.height * images.width * Image::kChannels);
  Matrix logits(images.count, kClasses);
  for (int64_t i = 0; i < images.count; ++i) {
    const float* image = std::get<const float*>(images.pixels) + static_cast<size_t>(i) * pixels;
    for (size_t c = 0; c < static_cast<size_t>(kClasses); ++c) {
      for (size_t p = c; p < pixels; p += 17) logits.row(i)[c] += image[p] / 1000;
    }
  }
  return logits;
}

class SharedMeasures : public testing::Test {
 protected:
  MeasuredEnsemble ensemble() const {
    Preprocessing preprocessing = Preprocessing::from_type("imagenet_32a");
    preprocessing.eval_resize = 36;
    LoaderOptions loader;
    loader.batch_size = 5;
    loader.threads = 1;
    return {{{answer, {kClasses, LossType::kSoftmax, "m.onnx"}, preprocessing}}, dataset_->class_names(), loader};
  }

  CorruptionSource source() const {
    CorruptionSource source;
    source.dataset = dataset_.get();
    source.options.corruptions = {"fog", "brightness"};
    source.options.severities = {1, 5};
    source.options.resize = source.options.crop = 32;
    return source;
  }

  static CorruptionFindings measure(const std::vector<MeasuredEnsemble>& ensembles, const CorruptionSource& source,
                                    Exchange& ranks, int* stored = nullptr) {
    std::vector<CorruptionFindings> findings(ensembles.size());
    measure_corruptions(
        ensembles, source, findings,
        [&](size_t) {
          if (stored != nullptr) ++*stored;
        },
        ranks);
    return findings.front();
  }

  static void expect_same(const CorruptionFindings& shared, const CorruptionFindings& alone) {
    const auto expect_same_result = [](const CorruptionResult& a, const CorruptionResult& b) {
      EXPECT_EQ(a.images, b.images);
      EXPECT_EQ(a.error, b.error);
      EXPECT_NEAR(a.ece, b.ece, 1e-12);
    };
    ASSERT_EQ(shared.results.clean.has_value(), alone.results.clean.has_value());
    if (alone.results.clean) expect_same_result(*shared.results.clean, *alone.results.clean);
    ASSERT_EQ(shared.results.corruptions.size(), alone.results.corruptions.size());
    for (const auto& [name, severities] : alone.results.corruptions) {
      ASSERT_EQ(shared.results.corruptions.at(name).size(), severities.size());
      for (const auto& [severity, result] : severities) {
        expect_same_result(shared.results.corruptions.at(name).at(severity), result);
      }
    }
    EXPECT_EQ(wrong_to_json(shared), wrong_to_json(alone));
  }

  std::unique_ptr<Dataset> dataset_ = open_dataset(test::drawn_data(), Split::kValidation);
  Exchange alone_;
};

TEST_F(SharedMeasures, CorruptionsAreCountedOnceByHoweverMany) {
  const CorruptionFindings alone = measure({ensemble()}, source(), alone_);
  EXPECT_EQ(alone.results.clean->images, dataset_->size());
  // 24 images: with 5 the severities of one image lie in two processes, with 30 some have none.
  for (const int world : {2, 5, 30}) {
    test::in_threads(world, [&](Exchange& ranks) {
      int stored = 0;
      expect_same(measure({ensemble()}, source(), ranks, &stored), alone);
      EXPECT_EQ(stored, 3) << "after the clean images and each corruption";
    });
  }
}

TEST_F(SharedMeasures, SeveralNetworksAndAveragedOnesToo) {
  MeasuredEnsemble two = ensemble();
  two.members.push_back(two.members.front());
  const CorruptionFindings alone = measure({two, ensemble()}, source(), alone_);
  test::in_threads(2, [&](Exchange& ranks) { expect_same(measure({two, ensemble()}, source(), ranks), alone); });
}

TEST_F(SharedMeasures, AStoredSetIsCountedOnce) {
  const test::TemporaryFolder folder;
  CorruptSetOptions options = source().options;
  corrupt_dataset(*dataset_, folder.path(), options);
  CorruptionSource stored = source();
  stored.stored = folder.path();
  const CorruptionFindings alone = measure({ensemble()}, stored, alone_);
  test::in_threads(3, [&](Exchange& ranks) { expect_same(measure({ensemble()}, stored, ranks), alone); });
}

TEST_F(SharedMeasures, ARankWithOtherDataIsNamed) {
  const DatasetRange fewer(*dataset_, 0, 20);
  test::in_threads(2, [&](Exchange& ranks) {
    CorruptionSource own = source();
    if (ranks.rank() == 1) own.dataset = &fewer;
    EXPECT_THAT(test::error_of<InputError>([&] { measure({ensemble()}, own, ranks); }),
                HasSubstr(concat("rank ", 1 - ranks.rank(), ": has data of ")));
  });
}

TEST_F(SharedMeasures, FlipsAreTheSameToTheBit) {
  PerturbSetOptions options;
  options.resize = options.crop = 32;
  const auto sequences = make_sequences(*dataset_, "brightness", options);
  const PerturbationResult alone = measure_perturbation(ensemble(), "brightness", *sequences, 7, alone_);
  EXPECT_EQ(alone.sequences, 7);
  EXPECT_GT(alone.top5_distance, 0);
  for (const int world : {2, 9}) {
    test::in_threads(world, [&](Exchange& ranks) {
      const PerturbationResult shared = measure_perturbation(ensemble(), "brightness", *sequences, 7, ranks);
      EXPECT_EQ(shared.sequences, alone.sequences);
      EXPECT_EQ(shared.flip_probability, alone.flip_probability);
      EXPECT_EQ(shared.top5_distance, alone.top5_distance);
    });
  }
}

TEST_F(SharedMeasures, AgreementIsTheSameToTheBit) {
  const ShiftConsistency alone = measure_shift_consistency(ensemble(), *dataset_, 4, alone_);
  EXPECT_LT(alone.consistency, 1);
  test::in_threads(5, [&](Exchange& ranks) {
    const ShiftConsistency shared = measure_shift_consistency(ensemble(), *dataset_, 4, ranks);
    EXPECT_EQ(shared.images, alone.images);
    EXPECT_EQ(shared.consistency, alone.consistency);
    EXPECT_EQ(shared.agreement, alone.agreement);
  });
}

}  // namespace
}  // namespace assemble
