// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/random.h"
#include "assemble/core/spans.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/class_balance.h"

namespace assemble {
namespace {

/// Random keys of augmentation hold which of its repeats an image is from this bit on: beyond every index.
constexpr int kRepeatBit = 40;

struct Failure {
  int64_t index = 0;
  std::string message;
};

/// One position of a batch once a worker is done with it.
struct Position {
  bool filled = false;
  std::vector<Failure> failures;
};

/// A batch in the making.
struct Slot {
  Batch batch;
  std::vector<TrainingWindow> windows;  // under LoaderOptions::windows, until they are packed
  std::vector<Position> positions;
  int64_t unfinished = 0;
  std::exception_ptr error;
};

void check_options(const Dataset& dataset, const LoaderOptions& options) {
  const auto require = [](bool condition, const char* option, const std::string& expected) {
    if (!condition) throw UsageError(option, expected);
  };
  require(options.batch_size >= 1, "`batch_size`", "must be at least 1");
  require(options.prefetch >= 1, "`prefetch`", "must be at least 1 batch");
  require(options.repeats >= 1 && options.repeats <= options.batch_size, "`repeats`", "expected 1 to `batch_size`");
  require(options.threads >= 0, "`threads`", "must be 0 (every core) or more");
  require(options.max_broken >= 0, "`max_broken`", "must be 0 or more");
  const SampleBoxOptions& box = options.augmentation.box;
  require(box.min_aspect > 0 && box.min_aspect <= box.max_aspect, "crop aspect", "expected 0 < min <= max");
  require(box.min_area > 0 && box.min_area <= box.max_area && box.max_area <= 1, "crop area",
          "expected 0 < min <= max <= 1");
  const RandomErasing& erasing = options.augmentation.erasing;
  require(erasing.probability >= 0 && erasing.probability <= 1, "random erasing", "expected a probability in [0, 1]");
  const AugMix& mix = options.augmentation.aug_mix;
  require(mix.severity >= 0 && mix.severity <= 10, "AugMix", "expected a severity of 1 to 10, or 0");
  require(mix.width >= 1 && mix.max_depth >= 1 && mix.alpha > 0 && (mix.views == 1 || mix.views == 3), "AugMix",
          "expected chains, operations, α > 0, and 1 or 3 views");
  require(!options.training || options.views == TestViews::kOne, "views", "are for evaluation alone");
  require(options.world >= 1 && options.rank >= 0 && options.rank < options.world, "rank",
          concat("expected 0 <= rank < world, not ", options.rank, " of ", options.world));
  require(!options.windows || (options.training && is_plain_window(options.preprocessing, options.augmentation)),
          "windows", "are of training with a plain bilinear resize, and nothing after it");
  require(!options.mirrored || options.batch_size % 4 == 0, "`batch_size`", "must be a multiple of 4");
  if (dataset.size() == 0) throw InputError(dataset.where(), "holds no images");
  if (options.training && dataset.size() < options.batch_size * options.world) {
    throw UsageError("`batch_size`",
                     concat("a batch of ", options.batch_size * options.world, " is larger than the data set of ",
                            dataset.size(), " images in ", dataset.where()),
                     concat("set it to at most ", dataset.size() / options.world));
  }
}

}  // namespace

struct Loader::State {
  State(const Dataset& samples, const LoaderOptions& chosen)
      : dataset(samples),
        options(chosen),
        slots(static_cast<size_t>(chosen.prefetch)),
        next_train_size(chosen.preprocessing.train_size) {}

  int64_t side() const { return options.training ? options.preprocessing.train_size : options.preprocessing.eval_size; }
  int64_t views() const {
    if (options.training) return options.augmentation.views();
    return view_count(options.views);
  }
  int64_t pixels() const { return views() * side() * side() * Image::kChannels; }
  /// Evaluation: the part of the data set that begins here and ends where the next rank's begins.
  int64_t share(int rank) const { return dataset.size() * rank / options.world; }
  int64_t images() const {
    return options.training ? batches() * options.batch_size : share(options.rank + 1) - share(options.rank);
  }
  int64_t batches() const {
    if (options.training) return dataset.size() / (options.batch_size * options.world);
    return (images() + options.batch_size - 1) / options.batch_size;
  }
  int64_t images_in(int64_t batch) const {
    return options.training ? options.batch_size : std::min(options.batch_size, images() - batch * options.batch_size);
  }
  int64_t place_in_batch(int64_t index) const {
    const int64_t size = options.batch_size, whole = size * options.world;
    if (!options.mirrored) return options.rank * size + index;
    const int64_t run = size / 4, half = whole / 2;
    const bool at_end = index / run % 2 == 1;
    return index / run / 2 * half + (at_end ? half - (options.rank + 1) * run : options.rank * run) + index % run;
  }
  /// Where an image of a batch of this rank lies in the order.
  int64_t place_of(int64_t batch, int64_t index) const {
    if (options.training) return batch * options.world * options.batch_size + place_in_batch(index);
    return share(options.rank) + batch * options.batch_size + index;
  }
  BalancedPlace sample_at(int64_t position) const {
    return order.empty() ? BalancedPlace{position} : order[static_cast<size_t>(position)];
  }
  std::vector<BalancedPlace> new_order() const;
  Slot& slot_of(int64_t batch) { return slots[static_cast<size_t>(batch % options.prefetch)]; }

  void count_defects();
  void look_at_first_samples() const;
  void require_logits(const Sample& sample) const;
  void begin(int64_t new_epoch, int64_t first_batch);
  void prepare(int64_t batch);
  void work();
  void stop();
  std::span<float> pixels_at(Slot& slot, int64_t position) const {
    return {slot.batch.images.data() + position * pixels(), static_cast<size_t>(pixels())};
  }
  void make(int64_t batch, int64_t position);
  bool fill(Slot& slot, int64_t position, int64_t index, int64_t repeat, Failure& failure);
  void account(Slot& slot, int64_t batch);
  [[noreturn]] void refuse_more(const std::string& last) const;
  static void pack(Slot& slot);
  static void leave_out_unfilled(Slot& slot, int64_t pixels, int64_t classes);

  const Dataset& dataset;
  LoaderOptions options;  // changes in begin() alone
  std::vector<Slot> slots;
  int next_train_size;

  std::mutex mutex;
  std::condition_variable work_ready;  // for workers
  std::condition_variable work_done;   // for the caller
  bool stopping = false;
  int64_t epoch = 0;
  std::vector<int64_t> labels;       // under options.balanced
  std::vector<BalancedPlace> order;  // empty: as stored
  int64_t next_batch = 0;            // the caller's
  int64_t ready_until = 0;           // batches whose slots are prepared, end
  int64_t claim_batch = 0;           // the next position a worker takes
  int64_t claim_position = 0;
  int64_t in_flight = 0;
  bool draining = false;  // begin() waits for in_flight

  int64_t defects = 0;  // of the data set, in which samples were lost
  std::set<int64_t> broken;
  double wait_seconds = 0;
  std::vector<std::thread> workers;
};

void Loader::State::count_defects() {
  for (const std::string& defect : dataset.defects()) {
    log_warning(defect);
    if (++defects > options.max_broken) refuse_more(defect);
  }
}

/// What samples lack is told before training begins, as far as the first ones show it.
void Loader::State::look_at_first_samples() const {
  constexpr int64_t kLookedAt = 100;
  const bool needs_boxes = options.training && options.augmentation.object_boxes;
  if (!options.teacher_logits && !needs_boxes) return;
  bool has_boxes = false;
  int64_t looked_at = 0;
  for (int64_t index = 0; index < std::min(kLookedAt, dataset.size()); ++index) {
    Sample sample;
    try {
      sample = dataset.read(index);
    } catch (const InputError&) {
      continue;  // counted when its batch comes
    }
    if (options.teacher_logits) require_logits(sample);
    has_boxes |= !sample.boxes.empty();
    ++looked_at;
  }
  if (needs_boxes && !has_boxes) {
    log_warning(concat(dataset.where(), ": `object_boxes`: the first ", looked_at, " images have none"));
  }
}

void Loader::State::require_logits(const Sample& sample) const {
  if (static_cast<int64_t>(sample.logits.size()) == dataset.classes()) return;
  throw InputError(sample.name, concat("has ", sample.logits.size(), " teacher logits, expected ", dataset.classes()),
                   "store them with 'assemble teach', or train without distillation");
}

[[noreturn]] void Loader::State::refuse_more(const std::string& last) const {
  throw InputError(dataset.where(), concat("more than ", options.max_broken, " broken images; the last: ", last),
                   "repair or remove them, or raise `max_broken`");
}

std::vector<BalancedPlace> Loader::State::new_order() const {
  Random random(options.seed, RandomPurpose::kShuffle, static_cast<uint32_t>(epoch));
  if (options.balanced) return balanced_order(labels, dataset.classes(), random);
  std::vector<BalancedPlace> places;
  places.reserve(static_cast<size_t>(dataset.size()));
  for (const int64_t sample : random_permutation(dataset.size(), random)) places.push_back({sample});
  return places;
}

/// Waits for the samples being worked on, then sets the new order. No worker reads the order meanwhile.
void Loader::State::begin(int64_t new_epoch, int64_t first_batch) {
  std::unique_lock lock(mutex);
  ready_until = claim_batch;  // nothing more to claim
  claim_position = 0;
  draining = true;
  work_done.wait(lock, [&] { return in_flight == 0; });
  draining = false;
  epoch = new_epoch;
  options.preprocessing.train_size = next_train_size;
  if (options.training) {
    order = new_order();
  }
  next_batch = claim_batch = ready_until = first_batch;
  claim_position = 0;
  while (ready_until < std::min(batches(), first_batch + options.prefetch)) prepare(ready_until++);
  work_ready.notify_all();
}

void Loader::State::prepare(int64_t batch) {
  Slot& slot = slot_of(batch);
  const int64_t images = images_in(batch);
  slot.unfinished = images + (options.windows ? 1 : 0);  // they are packed at last
  slot.windows.resize(static_cast<size_t>(options.windows ? images : 0));
  slot.error = nullptr;
  slot.positions.assign(static_cast<size_t>(images), {});
  slot.batch.size = images;
  slot.batch.side = side();
  slot.batch.views = views();
  // The caller's own batch came in at the last hand-over.
  if (slot.batch.images.get_allocator().memory != options.memory) {
    slot.batch.images = Pixels(options.memory);
    slot.batch.window_pixels = decltype(slot.batch.window_pixels)(options.memory);
  }
  slot.batch.images.resize(static_cast<size_t>(options.windows ? 0 : images * pixels()));
  slot.batch.labels.resize(static_cast<size_t>(images));
  slot.batch.indices.resize(static_cast<size_t>(images));
  slot.batch.names.resize(static_cast<size_t>(images));
  slot.batch.logits.resize(static_cast<size_t>(options.teacher_logits ? images * dataset.classes() : 0));
  slot.batch.targets.assign(static_cast<size_t>(dataset.multi_label() ? images * dataset.classes() : 0), 0.0F);
}

void Loader::State::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    work_ready.wait(lock, [&] { return stopping || claim_batch < ready_until; });
    if (stopping) return;
    const int64_t batch = claim_batch;
    const int64_t position = claim_position;
    if (++claim_position == images_in(batch)) {
      ++claim_batch;
      claim_position = 0;
    }
    ++in_flight;
    lock.unlock();
    std::exception_ptr error;
    try {
      make(batch, position);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    Slot& slot = slot_of(batch);
    // Of several errors the lowest position's would need waiting; the first to arrive is as good to the user.
    if (error && !slot.error) slot.error = error;
    if (--slot.unfinished == 1 && options.windows) {
      lock.unlock();
      error = nullptr;
      try {
        pack(slot);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      if (error && !slot.error) slot.error = error;
      --slot.unfinished;
    }
    --in_flight;
    if (slot.unfinished == 0 || (draining && in_flight == 0)) work_done.notify_all();
  }
}

void Loader::State::stop() {
  {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  work_ready.notify_all();
}

/// Fills a position with its sample, or under training with the first of those after it that can be used.
void Loader::State::make(int64_t batch, int64_t position) {
  Slot& slot = slot_of(batch);
  Position& target = slot.positions[static_cast<size_t>(position)];
  const int64_t repeats = options.training ? options.repeats : 1;
  const int64_t place = place_of(batch, position), first = place / repeats;
  const int64_t most_failures = options.training ? std::min(dataset.size() - 1, options.max_broken) : 0;
  for (int64_t attempt = 0; attempt <= most_failures && !target.filled; ++attempt) {
    const BalancedPlace chosen = sample_at((first + attempt) % dataset.size());
    Failure failure{chosen.sample, ""};
    target.filled = fill(slot, position, failure.index, chosen.round * repeats + place % repeats, failure);
    if (!target.filled) target.failures.push_back(std::move(failure));
  }
}

/// Brings the windows of a batch together.
void Loader::State::pack(Slot& slot) {
  size_t bytes = 0;
  for (const TrainingWindow& window : slot.windows) bytes += window.image.pixels.size();
  slot.batch.window_pixels.resize(bytes);
  slot.batch.windows.clear();
  auto end = slot.batch.window_pixels.begin();
  for (TrainingWindow& window : slot.windows) {
    const int64_t first = (end - slot.batch.window_pixels.begin()) / Image::kChannels;
    slot.batch.windows.insert(slot.batch.windows.end(),
                              {first, window.image.height, window.image.width, window.mirrored ? 1 : 0});
    end = std::copy(window.image.pixels.begin(), window.image.pixels.end(), end);
    window.image = {};
  }
}

/// @return false, with the reason, when the sample is broken
bool Loader::State::fill(Slot& slot, int64_t position, int64_t index, int64_t repeat, Failure& failure) {
  Sample sample;
  try {
    {
      const ScopedSpan span("loader", "read");
      sample = dataset.read(index);
    }
    const ScopedSpan span("loader", "prepare");
    if (options.training) {
      const auto sample_key = static_cast<uint64_t>(repeat) << kRepeatBit | static_cast<uint64_t>(index);
      Random random(options.seed, RandomPurpose::kAugment, static_cast<uint32_t>(epoch), sample_key);
      if (options.windows) {
        slot.windows[static_cast<size_t>(position)] =
            training_window(sample.encoded, sample.name, sample.boxes, options.preprocessing, options.augmentation,
                            random, options.decoding);
      } else {
        preprocess_train(sample.encoded, sample.name, sample.boxes, options.preprocessing, options.augmentation, random,
                         pixels_at(slot, position), options.decoding);
      }
    } else {
      preprocess_views(sample.encoded, sample.name, options.preprocessing, options.views, pixels_at(slot, position),
                       options.decoding);
    }
  } catch (const InputError& error) {
    failure.message = error.what();
    return false;
  }
  slot.batch.labels[static_cast<size_t>(position)] = sample.label;
  if (dataset.multi_label()) {
    for (const int64_t label : sample.labels) {
      slot.batch.targets.at(static_cast<size_t>(position * dataset.classes() + label)) = 1;
    }
  }
  slot.batch.indices[static_cast<size_t>(position)] = index;
  if (options.teacher_logits) {
    require_logits(sample);
    std::copy(sample.logits.begin(), sample.logits.end(), slot.batch.logits.begin() + position * dataset.classes());
  }
  slot.batch.names[static_cast<size_t>(position)] = std::move(sample.name);
  return true;
}

/// Counts and logs broken samples when the caller gets to their batch, so that it does not depend on the threads.
void Loader::State::account(Slot& slot, int64_t batch) {
  for (const Position& position : slot.positions) {
    for (const Failure& failure : position.failures) {
      if (!broken.insert(failure.index).second) continue;
      log_warning(failure.message + (options.training ? "; another image takes its place" : "; left out"));
      if (defects + static_cast<int64_t>(broken.size()) > options.max_broken) refuse_more(failure.message);
    }
    if (options.training && !position.filled) {
      throw InputError(dataset.where(), concat("no image that can be used for batch ", batch),
                       "see the warnings above");
    }
  }
}

void Loader::State::leave_out_unfilled(Slot& slot, int64_t pixels, int64_t classes) {
  Batch& batch = slot.batch;
  int64_t kept = 0;
  for (int64_t from = 0; from < batch.size; ++from) {
    if (!slot.positions[static_cast<size_t>(from)].filled) continue;
    if (kept != from) {
      std::copy_n(batch.images.begin() + from * pixels, pixels, batch.images.begin() + kept * pixels);
      batch.labels[static_cast<size_t>(kept)] = batch.labels[static_cast<size_t>(from)];
      batch.indices[static_cast<size_t>(kept)] = batch.indices[static_cast<size_t>(from)];
      batch.names[static_cast<size_t>(kept)] = std::move(batch.names[static_cast<size_t>(from)]);
      for (std::vector<float>* rows : {&batch.logits, &batch.targets}) {
        if (!rows->empty()) std::copy_n(rows->begin() + from * classes, classes, rows->begin() + kept * classes);
      }
    }
    ++kept;
  }
  if (kept == batch.size) return;
  batch.size = kept;
  batch.images.resize(static_cast<size_t>(kept * pixels));
  batch.labels.resize(static_cast<size_t>(kept));
  batch.indices.resize(static_cast<size_t>(kept));
  batch.names.resize(static_cast<size_t>(kept));
  for (std::vector<float>* rows : {&batch.logits, &batch.targets}) {
    if (!rows->empty()) rows->resize(static_cast<size_t>(kept * classes));
  }
}

Loader::Loader(const Dataset& dataset, const LoaderOptions& options) {
  check_options(dataset, options);
  state_ = std::make_unique<State>(dataset, options);
  if (options.training && options.balanced) state_->labels = all_labels(dataset);
  state_->count_defects();
  state_->look_at_first_samples();
  State& state = *state_;
  state.workers = start_threads(
      options.threads > 0 ? options.threads : available_cores(), [&state] { state.work(); },
      [&state] { state.stop(); });
}

Loader::~Loader() {
  state_->stop();
  for (std::thread& worker : state_->workers) worker.join();
}

const Dataset& Loader::dataset() const { return state_->dataset; }
int64_t Loader::images() const { return state_->images(); }
int64_t Loader::batches() const { return state_->batches(); }
int64_t Loader::place_in_batch(int64_t index) const { return state_->place_in_batch(index); }
int64_t Loader::broken() const { return state_->defects + static_cast<int64_t>(state_->broken.size()); }
double Loader::wait_seconds() const { return state_->wait_seconds; }

void Loader::start(int64_t epoch, int64_t first_batch) {
  if (epoch < 0 || first_batch < 0 || first_batch > batches()) {
    throw UsageError("loader", concat("cannot begin epoch ", epoch, " at batch ", first_batch, " of ", batches()));
  }
  state_->begin(epoch, first_batch);
}

LoaderState Loader::state() const {
  const State& state = *state_;
  return {state.epoch,
          state.next_batch,
          state.options.preprocessing.train_size,
          {state.broken.begin(), state.broken.end()}};
}

void Loader::restore(const LoaderState& saved) {
  if (saved.train_size < 1 || std::any_of(saved.broken.begin(), saved.broken.end(), [&](int64_t index) {
        return index < 0 || index >= state_->dataset.size();
      })) {
    throw UsageError("loader", "the saved state does not fit the data set in " + state_->dataset.where());
  }
  state_->next_train_size = saved.train_size;
  start(saved.epoch, saved.next_batch);
  state_->broken = {saved.broken.begin(), saved.broken.end()};
}

void Loader::add_broken(const std::vector<int64_t>& indices) {
  state_->broken.insert(indices.begin(), indices.end());
  if (broken() > state_->options.max_broken) state_->refuse_more("another process found it");
}

bool Loader::next(Batch& batch) {
  State& state = *state_;
  for (;;) {
    std::unique_lock lock(state.mutex);
    if (state.next_batch >= state.ready_until) return false;
    Slot& slot = state.slot_of(state.next_batch);
    const auto begin = std::chrono::steady_clock::now();
    state.work_done.wait(lock, [&] { return slot.unfinished == 0; });
    state.wait_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (slot.error) std::rethrow_exception(slot.error);
    state.account(slot, state.next_batch);
    State::leave_out_unfilled(slot, state.pixels(), state.dataset.classes());
    std::swap(batch, slot.batch);
    ++state.next_batch;
    if (state.ready_until < state.batches()) {
      state.prepare(state.ready_until++);
      state.work_ready.notify_all();
    }
    if (batch.size > 0) return true;
  }
}

}  // namespace assemble
