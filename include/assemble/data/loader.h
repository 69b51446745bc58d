// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <vector>

#include "assemble/data/dataset.h"
#include "assemble/image/preprocess.h"

namespace assemble {

/// Allocator of a batch's pixels: takes memory from a resource that moves along with it, and leaves new floats unset.
template <typename T>
struct PixelAllocator {
  using value_type = T;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;

  PixelAllocator(std::pmr::memory_resource* resource = std::pmr::new_delete_resource()) : memory(resource) {}
  template <typename U>
  PixelAllocator(const PixelAllocator<U>& other) : memory(other.memory) {}

  T* allocate(size_t count) { return static_cast<T*>(memory->allocate(count * sizeof(T), 64)); }
  void deallocate(T* pixels, size_t count) { memory->deallocate(pixels, count * sizeof(T), 64); }
  void construct(T* pixel) { ::new (static_cast<void*>(pixel)) T; }
  template <typename... Arguments>
  void construct(T* pixel, Arguments&&... arguments) {
    ::new (static_cast<void*>(pixel)) T(std::forward<Arguments>(arguments)...);
  }
  bool operator==(const PixelAllocator& other) const { return memory == other.memory; }

  std::pmr::memory_resource* memory;
};
using Pixels = std::vector<float, PixelAllocator<float>>;

/// A batch of preprocessed images.
struct Batch {
  int64_t size = 0;   ///< images
  int64_t side = 0;   ///< height and width, pixels
  int64_t views = 1;  ///< of each image, one after the other: view_count() of LoaderOptions::views, or 3 of AugMix
  Pixels images;      ///< NHWC, size · views · side · side · 3: the memory of a channels_last NCHW tensor
  /// Under LoaderOptions::windows, in the place of images: the windows' pixels, RGB rows one after the other, and of
  /// each window its first pixel, height, width, and whether it is mirrored (1) or not (0): size · 4 numbers.
  std::vector<uint8_t, PixelAllocator<uint8_t>> window_pixels;
  std::vector<int64_t> windows;
  std::vector<int64_t> labels;
  std::vector<float> targets;    ///< size · classes, 1 for each of Sample::labels; empty unless Dataset::multi_label()
  std::vector<float> logits;     ///< size · classes teacher logits; empty unless LoaderOptions::teacher_logits
  std::vector<int64_t> indices;  ///< of the samples in the data set
  std::vector<std::string> names;  ///< Sample::name of each
};

struct LoaderOptions {
  int64_t batch_size = 32;
  int threads = 0;        ///< 0: every core
  int prefetch = 3;       ///< batches prepared ahead; bounds the memory
  bool training = false;  ///< shuffle, augment, train_size, drop the last partial batch
  /// Training: so many places of the order in a row are of one image, each augmented by itself (repeated augmentation).
  /// An epoch has as many images as ever, and sees that part of the data set.
  int64_t repeats = 1;                ///< at most batch_size
  bool balanced = false;              ///< training: every class is shown as often as any other, see balanced_order()
  TestViews views = TestViews::kOne;  ///< evaluation: of every image
  /// This process' place among `world` that share each epoch. Training: batch b of all of them together is
  /// world · batch_size images of the order, of which each takes its part. Evaluation: each takes its part of the data
  /// set, as equal as they can be without reading an image twice, so that counts of all add up exactly.
  int rank = 0;
  int world = 1;
  /// Training: a rank's part of a batch are four runs of it instead of one, such that image i lies where its partners
  /// in mixup do (see mix()): half a batch further on, and as far from the batch's or half's end as it is from its
  /// beginning. batch_size is then a multiple of 4.
  bool mirrored = false;
  Decoding decoding = Decoding::kExact;
  bool windows = false;  ///< training: images are left as training_window() cuts them, for a device to resize
  /// Where the pixels of batches live, for example pinned memory; must outlive the loader and its batches.
  std::pmr::memory_resource* memory = std::pmr::new_delete_resource();
  bool teacher_logits = false;  ///< fill Batch::logits, and fail on samples that have none
  int64_t max_broken = 100;     ///< different broken samples over a loader's life before it gives up
  uint64_t seed = 0;
  Preprocessing preprocessing;
  Augmentation augmentation;
};

/// Where a loader is, between two batches.
struct LoaderState {
  int64_t epoch = 0;
  int64_t next_batch = 0;       ///< the first that next() has not given out
  int train_size = 0;           ///< side of training crops
  std::vector<int64_t> broken;  ///< samples counted as broken, ascending

  /// JSON text and back. @throws InputError on a missing or wrong key
  std::string to_json() const;
  static LoaderState from_json(const std::string& text, const std::string& where);
  bool operator==(const LoaderState&) const = default;
};

/// Multi-threaded loader. Order and augmentation are pure functions of (seed, epoch, sample), so batches are the same,
/// bit for bit, for any number of threads, and an epoch can be entered at any batch.
///
/// A sample that cannot be read or decoded is logged, counted and replaced by the next one of the epoch's order
/// (training) or left out (evaluation).
///
/// Memory: prefetch + 1 batches of float pixels, the caller's included, and one sample a thread.
class Loader {
 public:
  /// @param dataset must outlive the loader
  /// @throws UsageError for options out of range, and when training on fewer samples than a batch; RunError when the
  ///         system gives too few threads
  Loader(const Dataset& dataset, const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  const Dataset& dataset() const;
  /// Images of an epoch, of this rank.
  int64_t images() const;
  /// Batches of an epoch, of this rank; under evaluation the last one may be smaller.
  int64_t batches() const;
  /// Begins an epoch at a batch; batches being prepared for another are dropped. Must come before next().
  void start(int64_t epoch, int64_t first_batch = 0);
  /// The state after the last next(); a loader of the same data set and options that restores it goes on with the same
  /// batches, bit for bit.
  LoaderState state() const;
  /// As start(); also sets the side of training crops (progressive resizing).
  /// @throws UsageError for a state that does not fit the data set
  void restore(const LoaderState& saved);
  /// Moves the next batch into `batch`, whose memory is reused.
  /// @return false at the end of the epoch
  /// @throws InputError when more than max_broken samples were broken, and whatever else a worker met
  bool next(Batch& batch);
  /// Where image `index` of this rank's training batches lies in the batch of all ranks together.
  int64_t place_in_batch(int64_t index) const;
  /// Counts samples that other ranks found to be broken, as if they were its own: LoaderState::broken.
  /// @throws InputError when they are more than max_broken with those known
  void add_broken(const std::vector<int64_t>& indices);
  /// Broken samples so far.
  int64_t broken() const;
  /// Seconds next() waited for the workers so far.
  double wait_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assemble
