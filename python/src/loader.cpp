// SPDX-License-Identifier: Apache-2.0
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <mutex>
#include <optional>

#include "assemble/data/loader.h"
#include "binding.h"
#include "image_source.h"
#include "workers.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace assemble::python {

namespace {

/// Memory of pixels that Python has let go of, for batches to come: fresh pages cost more than what is written to them.
class SparePixels {
 public:
  explicit SparePixels(size_t most) : most_(most) {}
  Pixels take() {
    const std::lock_guard lock(mutex_);
    if (spare_.empty()) return {};
    Pixels pixels = std::move(spare_.back());
    spare_.pop_back();
    return pixels;
  }
  void give_back(Pixels pixels) noexcept {
    const std::lock_guard lock(mutex_);
    if (spare_.size() < most_) spare_.push_back(std::move(pixels));
  }

 private:
  const size_t most_;
  std::mutex mutex_;
  std::vector<Pixels> spare_;
};

/// The memory that an array of a batch's images lies in.
struct LentPixels {
  Pixels pixels;
  std::shared_ptr<SparePixels> spare;
};

NumpyArray<float> lend(Pixels pixels, std::shared_ptr<SparePixels> spare, const std::vector<size_t>& shape) {
  auto lent = std::make_unique<LentPixels>(LentPixels{std::move(pixels), std::move(spare)});
  float* data = lent->pixels.data();
  nb::capsule owner(lent.get(), [](void* pointer) noexcept {
    const std::unique_ptr<LentPixels> returned(static_cast<LentPixels*>(pointer));
    returned->spare->give_back(std::move(returned->pixels));
  });
  lent.release();
  return NumpyArray<float>(data, shape.size(), shape.data(), owner);
}

struct LoadedBatch {
  nb::object images, labels, indices;
  std::vector<std::string> names;
};

struct LoaderArguments {
  fs::path data;
  std::string split;
  LoaderOptions options;
};

class ImageLoader {
 public:
  explicit ImageLoader(const LoaderArguments& arguments)
      : dataset_(open_dataset(arguments.data, kSplits.parse(arguments.split), ClassRule::kOfTraining)),
        options_(arguments.options),
        spare_(std::make_shared<SparePixels>(static_cast<size_t>(arguments.options.prefetch) + 2)),
        loader_(*dataset_, arguments.options) {}

  const Dataset& dataset() const { return *dataset_; }
  const Loader& loader() const { return loader_; }
  const LoaderOptions& options() const { return options_; }

  /// @return number of the pass that begins
  int64_t start() {
    loader_.start(epoch);
    ++epoch;
    return ++pass_;
  }

  /// @return nothing at the epoch's end
  std::optional<LoadedBatch> next(int64_t pass) {
    Batch batch;
    bool found = false;
    {
      const nb::gil_scoped_release release;
      const std::lock_guard lock(mutex_);
      if (pass != pass_) {
        throw UsageError("Loader", "another iteration over it has begun", "make a loader for each");
      }
      batch.images = spare_->take();
      found = loader_.next(batch);
    }
    if (!found) return std::nullopt;
    const auto size = static_cast<size_t>(batch.size), side = static_cast<size_t>(batch.side);
    return LoadedBatch{nb::cast(lend(std::move(batch.images), spare_, {size, side, side, 3})),
                       nb::cast(to_numpy<int64_t>(std::move(batch.labels), {size})),
                       nb::cast(to_numpy<int64_t>(std::move(batch.indices), {size})), std::move(batch.names)};
  }

  int64_t epoch = 0;  ///< that the next iteration is of

 private:
  std::unique_ptr<Dataset> dataset_;
  LoaderOptions options_;
  std::shared_ptr<SparePixels> spare_;
  std::mutex mutex_;
  int64_t pass_ = 0;
  Loader loader_;
};

/// One pass over a loader.
struct Pass {
  nb::object owner;
  ImageLoader* loader;
  int64_t number;
};

void make_loader(ImageLoader* self, const fs::path& data, nb::handle preprocessing,
                 const std::optional<std::string>& split, bool training, int64_t batch_size, int threads, int prefetch,
                 uint64_t seed, const std::string& decoding, const std::string& auto_augment, double color_jitter,
                 double flip_probability, int rank, int world) {
  LoaderArguments arguments{data, split.value_or(training ? "train" : "validation"), {}};
  LoaderOptions& options = arguments.options;
  options.preprocessing = to_preprocessing(preprocessing);
  options.training = training;
  options.batch_size = batch_size;
  options.threads = count_threads(threads);
  options.prefetch = prefetch;
  options.seed = seed;
  options.decoding = parse_decoding(decoding);
  options.rank = rank;
  options.world = world;
  if (!auto_augment.empty()) options.augmentation.set_operations(auto_augment);
  options.augmentation.color_jitter = color_jitter;
  options.augmentation.flip_probability = flip_probability;
  const nb::gil_scoped_release release;
  new (self) ImageLoader(arguments);
}

}  // namespace

void bind_loader(nb::module_& module) {
  nb::class_<LoadedBatch>(module, "Batch", "A batch of a Loader. `images, labels = batch` works too.")
      .def_ro("images", &LoadedBatch::images,
              nb::for_getter(nb::sig("def images(self) -> numpy.typing.NDArray[numpy.float32]")),
              "What the network reads, float32 [N, size, size, 3], in memory that is not copied.")
      .def_ro("labels", &LoadedBatch::labels,
              nb::for_getter(nb::sig("def labels(self) -> numpy.typing.NDArray[numpy.int64]")), "int64 [N].")
      .def_ro("indices", &LoadedBatch::indices,
              nb::for_getter(nb::sig("def indices(self) -> numpy.typing.NDArray[numpy.int64]")),
              "Numbers of the images in the data set.")
      .def_ro("names", &LoadedBatch::names, "Where the images come from.")
      .def("__len__", [](const LoadedBatch& self) { return nb::len(self.labels); })
      .def(
          "__iter__", [](const LoadedBatch& self) { return nb::iter(nb::make_tuple(self.images, self.labels)); },
          nb::sig("def __iter__(self) -> collections.abc.Iterator[typing.Any]"));
  nb::class_<Pass>(module, "_Pass")
      .def("__iter__", [](nb::object self) { return self; })
      .def("__next__", [](Pass& self) {
        std::optional<LoadedBatch> batch = self.loader->next(self.number);
        if (!batch) throw nb::stop_iteration();
        return *std::move(batch);
      });
  nb::class_<ImageLoader>(
      module, "Loader",
      "Decodes, augments and batches a data set with threads of its own, without the interpreter's lock. Batches "
      "depend "
      "on seed, epoch and data set alone, not on the number of threads. Each iteration is an epoch.\n\n"
      "data: folder with a folder a class, TFRecords, tar or zip files.\n"
      "preprocessing: a model's, or the name of a type.\n"
      "split: 'train' or 'validation'; by default what `training` says.\n"
      "training: shuffle, crop at random, mirror, and leave out the last partial batch.\n"
      "threads: 0 for every core. prefetch: batches that are prepared ahead.\n"
      "decoding: 'exact' or 'fast'.\n"
      "auto_augment: a policy ('imagenet', …), 'randaugment', …; '' for none.\n"
      "rank, world: this process' place among those that share each epoch.")
      .def("__init__", &make_loader, "data"_a, "preprocessing"_a.none() = "imagenet", nb::kw_only(),
           "split"_a = nb::none(), "training"_a = false, "batch_size"_a = 32, "threads"_a = 0, "prefetch"_a = 3,
           "seed"_a = 0, "decoding"_a = "exact", "auto_augment"_a = "", "color_jitter"_a = 0.0,
           "flip_probability"_a = 0.5, "rank"_a = 0, "world"_a = 1,
           nb::sig(
               "def __init__(self, data: str | os.PathLike[str], preprocessing: Preprocessing | str = 'imagenet', *, "
               "split: str | None = None, training: bool = False, batch_size: int = 32, threads: int = 0, "
               "prefetch: int = 3, seed: int = 0, decoding: str = 'exact', auto_augment: str = '', "
               "color_jitter: float = 0.0, flip_probability: float = 0.5, rank: int = 0, world: int = 1) -> None"))
      .def(
          "__len__", [](const ImageLoader& self) { return self.loader().batches(); }, "Batches of an epoch.")
      .def(
          "__iter__",
          [](nb::object self) {
            auto& loader = nb::cast<ImageLoader&>(self);
            const int64_t pass = loader.start();
            return Pass{std::move(self), &loader, pass};
          },
          nb::sig("def __iter__(self) -> collections.abc.Iterator[Batch]"))
      .def_prop_rw(
          "epoch", [](const ImageLoader& self) { return self.epoch; },
          [](ImageLoader& self, int64_t epoch) {
            if (epoch < 0) throw UsageError("`epoch`", concat("is ", epoch, ", expected 0 or more"));
            self.epoch = epoch;
          },
          "That the next iteration is of: it decides order and augmentation, and goes up by itself.")
      .def_prop_ro("class_names", [](const ImageLoader& self) { return self.dataset().class_names(); })
      .def_prop_ro(
          "num_images", [](const ImageLoader& self) { return self.loader().images(); },
          "Images of an epoch, of this rank.")
      .def_prop_ro(
          "num_broken", [](const ImageLoader& self) { return self.loader().broken(); },
          "Images that could not be read so far: left out, or replaced when training.")
      .def_prop_ro("batch_size", [](const ImageLoader& self) { return self.options().batch_size; });
}

}  // namespace assemble::python
