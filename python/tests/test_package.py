# SPDX-License-Identifier: Apache-2.0
"""The installed package on a drawn data set and a model of its classes, in the folder ASSEMBLE_TEST_FOLDER.

Run by tests/wheel_test.sh.
"""

import doctest
import gc
import json
import os
import pickle
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import numpy as np

import assemble

FOLDER = Path(os.environ["ASSEMBLE_TEST_FOLDER"])
DOCS = Path(os.environ["ASSEMBLE_TEST_DOCS"])
MODEL = FOLDER / "model.safetensors"
FILES = sorted((FOLDER / "data/validation").glob("*/*"))


def run(*arguments):
    command = [sys.executable, "-m", "assemble", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Raises:
    """Expects an error of the library that says some words."""

    def fails(self, error, words, call, *arguments, **options):
        with self.assertRaises(error) as caught:
            call(*arguments, **options)
        self.assertIn(words, str(caught.exception))
        self.assertIsInstance(caught.exception, assemble.Error)
        return caught.exception


class Models(unittest.TestCase, Raises):
    @classmethod
    def setUpClass(cls):
        cls.model = assemble.open_model(MODEL, batch_size=4)

    def test_equals_the_command(self):
        said = run("predict", "--quiet", "--model", MODEL, "--cache", "", "--json", *FILES[:6])
        self.assertEqual(said.returncode, 0, said.stderr)
        expected = json.loads(said.stdout)
        found = self.model.classify(FILES[:6])
        difference = 0.0
        for image, classes in zip(expected["predictions"] if isinstance(expected, dict) else expected, found):
            self.assertEqual([c["class"] for c in image["classes"]], [c.name for c in classes])
            difference = max(
                [difference, *(abs(a["probability"] - b.probability) for a, b in zip(image["classes"], classes))]
            )
        print(f"probabilities differ from the command's by {difference:.1e}")
        self.assertLess(difference, 1e-6)

    def test_files_bytes_and_pixels_are_the_same_image(self):
        pixels = assemble.decode_image(FILES[0])
        from_file = self.model.logits(FILES[0])
        np.testing.assert_array_equal(from_file, self.model.logits(str(FILES[0])))
        np.testing.assert_array_equal(from_file, self.model.logits(FILES[0].read_bytes()))
        np.testing.assert_array_equal(from_file, self.model.logits(pixels))
        self.assertEqual(from_file.shape, (self.model.num_classes,))
        self.assertEqual(from_file.dtype, np.float32)

    def test_strides_do_not_matter(self):
        pixels = assemble.decode_image(FILES[0])
        wide = np.zeros((pixels.shape[0], pixels.shape[1] * 2, 3), np.uint8)
        wide[:, ::2] = pixels
        channels_first = pixels.transpose(2, 0, 1).copy()
        for view in (wide[:, ::2], np.asfortranarray(pixels), pixels[::-1][::-1], channels_first.transpose(1, 2, 0)):
            np.testing.assert_array_equal(self.model.logits(view), self.model.logits(pixels))
        np.testing.assert_array_equal(self.model.logits(pixels[::-1]), self.model.logits(pixels[::-1].copy()))

    def test_batches_are_their_images(self):
        pixels = [assemble.decode_image(file) for file in FILES[:7]]
        one_by_one = np.stack([self.model.logits(image) for image in pixels])
        np.testing.assert_allclose(self.model.logits(np.stack(pixels)), one_by_one, atol=1e-5)
        np.testing.assert_allclose(self.model.logits(pixels), one_by_one, atol=1e-5)
        self.assertEqual(self.model.logits([]).shape, (0, self.model.num_classes))
        self.assertEqual(self.model.classify([]), [])
        self.assertEqual(self.model.embeddings(pixels).shape, (7, self.model.embedding_size))

    def test_logits_of_what_preprocess_gives(self):
        prepared = assemble.preprocess(FILES[:2], self.model.preprocessing)
        side = self.model.preprocessing.eval_size
        self.assertEqual(prepared.shape, (2, side, side, 3))
        np.testing.assert_array_equal(prepared[0], assemble.preprocess(FILES[0], self.model.preprocessing))

    def test_bad_images_say_what_and_what_to_do(self):
        pixels = assemble.decode_image(FILES[0])

        def fails(words, image):
            return self.fails(assemble.UsageError, words, self.model.logits, image)

        self.assertIn("0 … 255", fails("float32", np.float32(pixels)).hint)
        self.assertIn("transpose", fails("uint8 of shape (3, ", pixels.transpose(2, 0, 1)).hint)
        fails("expected RGB", pixels[..., 0])
        fails("0×4 pixels", np.zeros((0, 4, 3), np.uint8))
        fails("of type int", 3)
        fails("of type NoneType", None)
        fails("of type generator", (image for image in [pixels]))
        fails("complex128", np.zeros((4, 4, 3), complex))
        fails(">f4", np.zeros((4, 4, 3), ">f4"))
        fails("object", np.zeros((4, 4, 3), object))
        fails("at most", np.broadcast_to(np.uint8(1), (60000, 60000, 3)))
        fails("give them in parts", np.broadcast_to(np.uint8(1), (2**40, 2, 2, 3)))
        fails("image 1", [pixels, 5])
        self.fails(assemble.InputError, "nothing.jpg", self.model.logits, "nothing.jpg")
        self.fails(assemble.InputError, "image 1", self.model.logits, [pixels, b"no image"])
        self.fails(assemble.UsageError, "top", self.model.classify, pixels, 0)
        self.assertRaises(ValueError, self.model.logits, b"")

    def test_bad_models(self):
        self.fails(assemble.InputError, "no.safetensors", assemble.open_model, "no.safetensors")
        self.fails(assemble.InputError, "text", assemble.open_model, __file__)
        self.fails(assemble.UsageError, "batch_size", assemble.open_model, MODEL, batch_size=0)
        self.fails(assemble.UsageError, "threads", assemble.open_model, MODEL, threads=-1)
        self.fails(assemble.UsageError, "f64", assemble.open_model, MODEL, precision="f64")

    def test_compiled_models_are_kept_where_asked(self):
        before = set(os.listdir("."))
        assemble.open_model(MODEL)
        self.assertEqual(set(os.listdir(".")), before)
        kept = FOLDER / "kept"
        np.testing.assert_array_equal(assemble.open_model(MODEL, cache=kept).logits(FILES[0]), self.model.logits(FILES[0]))
        self.assertTrue(list(kept.iterdir()))

    def test_threads_share_a_model(self):
        expected = self.model.logits(FILES[:4])
        found = [None] * 4

        def compute(place):
            found[place] = self.model.logits(FILES[:4])

        threads = [threading.Thread(target=compute, args=(place,)) for place in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for logits in found:
            np.testing.assert_array_equal(logits, expected)

    def test_errors_are_pickled(self):
        error = self.fails(assemble.InputError, "check the path", self.model.logits, "nothing.jpg")
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(again), again.where, again.hint), (str(error), "nothing.jpg", "check the path"))


class Images(unittest.TestCase, Raises):
    def setUp(self):
        self.image = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)

    def test_corruptions_equal_the_commands(self):
        out = FOLDER / "corrupted"
        said = run("corrupt", "--quiet", "--data", FOLDER / "data", "--out", out, "--corruptions", "gaussian_noise",
                   "--severities", 3, "--format", "png", "--resize", 0, "--crop", 0, "--seed", 7)  # fmt: skip
        self.assertEqual(said.returncode, 0, said.stderr)
        for batch in assemble.Loader(FOLDER / "data", "imagenet_32"):
            for index, name in zip(batch.indices, batch.names):
                stored = out / "gaussian_noise/3" / Path(name).parent.name / Path(name).name
                made = assemble.corrupt(name, "gaussian_noise", 3, index=index, seed=7)
                np.testing.assert_array_equal(made, assemble.decode_image(stored))

    def test_corruptions_are_functions_of_their_arguments(self):
        for name in assemble.corruption_names() + assemble.corruption_names("c-bar"):
            corrupted = assemble.corrupt(self.image, name, 2, index=5, seed=1)
            self.assertEqual((corrupted.shape, corrupted.dtype), (self.image.shape, np.uint8))
            np.testing.assert_array_equal(corrupted, assemble.corrupt(self.image, name, 2, index=5, seed=1))
        noise = assemble.corrupt(np.stack([self.image] * 3), "gaussian_noise", 2, index=5)
        np.testing.assert_array_equal(noise[1], assemble.corrupt(self.image, "gaussian_noise", 2, index=6))
        self.assertTrue((noise[0] != noise[1]).any())
        mixed = assemble.corrupt([self.image, self.image[:40]], "fog")
        self.assertEqual([image.shape for image in mixed], [(64, 80, 3), (40, 80, 3)])

    def test_perturbations(self):
        for name in assemble.perturbation_names():
            frames = assemble.perturb(self.image, name, crop=48)
            self.assertEqual(frames.shape[1:], (48, 48, 3))
            self.assertGreater(len(frames), 30)

    def test_bad_arguments(self):
        unknown = self.fails(assemble.UsageError, "fogg", assemble.corrupt, self.image, "fogg")
        self.assertEqual(unknown.hint, "did you mean fog?")
        self.fails(assemble.UsageError, "severity", assemble.corrupt, self.image, "fog", 6)
        self.fails(assemble.UsageError, "d-bar", assemble.corruption_names, "d-bar")
        self.fails(assemble.InputError, "smaller", assemble.perturb, self.image, "snow")
        self.fails(assemble.UsageError, "crop", assemble.perturb, self.image, "snow", crop=-5)
        self.fails(assemble.UsageError, "imagnet", assemble.preprocess, self.image, "imagnet")
        self.fails(assemble.UsageError, "of type int", assemble.preprocess, self.image, 224)
        self.fails(assemble.UsageError, "exactly", assemble.decode_image, FILES[0], decoding="exactly")
        self.assertRaises(TypeError, assemble.corrupt, self.image, "fog", 2.5)
        self.assertRaises(TypeError, assemble.corrupt, self.image, "fog", index=-1)

    def test_preprocessing(self):
        how = assemble.Preprocessing("torchvision_224_256")
        self.assertEqual((how.eval_size, how.eval_resize), (224, 256))
        self.assertEqual(how.replace(eval_size=192).eval_size, 192)
        self.assertEqual(how, assemble.Preprocessing.from_json(how.to_json()))
        self.fails(assemble.UsageError, "did you mean eval_size", how.replace, eval_sise=1)
        self.fails(assemble.InputError, "eval_size", how.replace, eval_size=-3)

    def test_the_lock_is_free_meanwhile(self):
        large = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
        ticks, stop = [], threading.Event()

        def tick():
            while not stop.wait(0.005):
                ticks.append(time.monotonic())

        thread = threading.Thread(target=tick)
        thread.start()
        begin = time.monotonic()
        assemble.corrupt(large, "glass_blur", 5)
        end = time.monotonic()
        stop.set()
        thread.join()
        inside = sum(begin < t < end for t in ticks)
        print(f"{inside} ticks of another thread in {end - begin:.2f} s")
        self.assertGreater(inside, 3)


class Loaders(unittest.TestCase, Raises):
    def load(self, **options):
        return assemble.Loader(FOLDER / "data", "imagenet_32", **{"batch_size": 4, **options})

    def test_evaluation_sees_every_image_once(self):
        loader = self.load()
        seen = [index for batch in loader for index in batch.indices]
        self.assertEqual(sorted(seen), list(range(loader.num_images)))
        self.assertEqual(len(list(loader)), len(loader))

    def test_batches_do_not_depend_on_threads(self):
        one = [batch.images.copy() for batch in self.load(training=True, threads=1, auto_augment="imagenet")]
        two = [batch.images.copy() for batch in self.load(training=True, threads=2, auto_augment="imagenet")]
        np.testing.assert_array_equal(np.stack(one), np.stack(two))

    def test_epochs_differ_and_can_be_entered(self):
        loader = self.load(training=True)
        first, second = [[list(b.indices) for b in loader] for _ in range(2)]
        self.assertNotEqual(first, second)
        loader.epoch = 0
        self.assertEqual([list(b.indices) for b in loader], first)

    def test_memory_is_the_arrays(self):
        loader = self.load()
        kept = [(batch.images, batch.images.copy()) for batch in loader]
        again = list(loader)
        for images, copy in kept:
            self.assertTrue(images.flags.c_contiguous and images.flags.writeable and not images.flags.owndata)
            np.testing.assert_array_equal(images, copy)
        del loader, again
        gc.collect()
        np.testing.assert_array_equal(kept[0][0], kept[0][1])
        shared = np.from_dlpack(kept[0][0])
        self.assertTrue(np.shares_memory(shared, kept[0][0]))

    def test_batches_become_tensors(self):
        try:
            import torch
        except ImportError:
            self.skipTest("there is no PyTorch")
        images, labels = next(iter(self.load(training=True)))
        tensor = torch.from_dlpack(images).permute(0, 3, 1, 2)
        self.assertEqual(tensor.data_ptr(), images.ctypes.data)
        self.assertTrue(tensor.is_contiguous(memory_format=torch.channels_last))
        self.assertEqual(torch.from_numpy(labels).tolist(), labels.tolist())

    def test_ranks_share_an_epoch(self):
        seen = [i for rank in range(2) for batch in self.load(rank=rank, world=2) for i in batch.indices]
        self.assertEqual(sorted(seen), list(range(self.load().num_images)))

    def test_bad_arguments(self):
        self.fails(assemble.InputError, "nowhere", assemble.Loader, "nowhere")
        wrong = {"batch_size": 0, "threads": -1, "prefetch": 0, "rank": 2, "split": "tset", "decoding": "slow"}
        for name, value in wrong.items():
            self.fails(assemble.UsageError, name, self.load, **{name: value})
        self.fails(assemble.UsageError, "world", self.load, world=0)
        self.fails(assemble.UsageError, "imagnet", self.load, auto_augment="imagnet")
        loader = self.load()
        first = iter(loader)
        next(first)
        iter(loader)
        self.fails(assemble.UsageError, "another iteration", next, first)


class Metrics(unittest.TestCase, Raises):
    def setUp(self):
        random = np.random.default_rng(1)
        self.logits = random.normal(size=(500, 7)) * 3
        self.labels = np.where(random.random(500) < 0.6, self.logits.argmax(1), random.integers(0, 7, 500))

    def test_classification_equals_numpy(self):
        result = assemble.measure_classification(self.logits, self.labels)
        order = np.argsort(-self.logits, axis=1)
        self.assertAlmostEqual(result.top1, np.mean(order[:, 0] == self.labels))
        self.assertAlmostEqual(result.top5, np.mean((order[:, :5] == self.labels[:, None]).any(1)))
        shifted = np.exp(self.logits - self.logits.max(1, keepdims=True))
        probabilities = shifted / shifted.sum(1, keepdims=True)
        self.assertAlmostEqual(result.loss, -np.log(probabilities[range(500), self.labels]).mean(), places=5)
        confidence, correct = probabilities.max(1), order[:, 0] == self.labels
        ece = sum(
            abs(correct[b].sum() - confidence[b].sum()) / 500
            for b in (np.ceil(confidence * 10) == bin for bin in range(1, 11))
        )
        self.assertAlmostEqual(result.ece, ece, places=5)
        self.assertAlmostEqual(assemble.calibration_error(confidence, correct), ece, places=5)
        confusion = np.zeros((7, 7), int)
        np.add.at(confusion, (self.labels, order[:, 0]), 1)
        np.testing.assert_array_equal(result.confusion, confusion)

    def test_array_likes(self):
        listed = assemble.measure_classification(self.logits.tolist(), self.labels.tolist())
        for dtype in (np.int8, np.uint8, np.int32, np.uint32):
            self.assertEqual(assemble.measure_classification(self.logits, self.labels.astype(dtype)).top1, listed.top1)
        doubled = np.repeat(self.logits, 2, axis=1)[:, ::2]
        self.assertEqual(assemble.measure_classification(doubled, self.labels).loss, listed.loss)

    def test_temperature(self):
        once = assemble.fit_temperature(self.logits, self.labels)
        self.assertAlmostEqual(assemble.fit_temperature(self.logits * 2, self.labels) / once, 2, places=2)

    def test_mce_of_alexnet_is_100(self):
        errors = {name: [0.1, 0.2, 0.3, 0.4, 0.5] for name in assemble.corruption_names()}
        scores = assemble.score_corruptions(errors, 0.05, baseline=errors, baseline_clean_error=0.05)
        self.assertAlmostEqual(scores.mce_15, 100)
        self.assertAlmostEqual(scores.relative_19, 100)
        # Published: AlexNet's mean error under gaussian noise is 88.6 %.
        published = assemble.score_corruptions({"gaussian_noise": [0.886] * 5})
        self.assertAlmostEqual(published.ce["gaussian_noise"], 100, delta=0.1)
        self.assertIsNone(published.mce_15)

    def test_flips(self):
        frames = np.eye(6)[[0, 0, 1, 1, 0]]
        self.assertEqual(assemble.flip_share(frames), 0.5)
        self.assertEqual(assemble.flip_share(frames, to_first=True), 0.5)
        flips = {name: 0.1 for name in assemble.perturbation_names()}
        published = [0.23653, 0.30062, 0.09297, 0.05942, 0.11928, 0.04889, 0.11007, 0.13104, 0.07050, 0.23531]
        expected = np.mean([10 / flips for flips in published])
        self.assertAlmostEqual(assemble.score_perturbations(flips).mfr, expected)

    def test_pairs(self):
        first, second = np.zeros(100, bool), np.zeros(100, bool)
        first[:10], second[8:25] = True, True
        pair = assemble.pair_answers(first, second)
        self.assertEqual((pair.only_first, pair.only_second), (8, 15))
        self.assertAlmostEqual(pair.p, assemble.mcnemar_exact(8, 15))
        self.assertAlmostEqual(pair.p, 0.21004, places=4)

    def test_retrieval(self):
        embeddings = np.repeat(np.eye(4), 3, axis=0)
        result = assemble.measure_retrieval(embeddings, np.repeat(np.arange(4), 3), [1, 2])
        self.assertEqual((result.recall, result.map_at_r), ([(1, 1.0), (2, 1.0)], 1.0))

    def test_bad_arguments(self):
        def usage(words, call, *arguments):
            self.fails(assemble.UsageError, words, call, *arguments)

        measure = assemble.measure_classification
        usage("label at 0 is 7", measure, self.logits[:1], [7])
        usage("label at 0 is -1", measure, self.logits[:1], [-1])
        usage("2 of them for 1", measure, self.logits[:1], [0, 1])
        usage("real numbers", measure, [[1, 2], [3]], [0, 1])
        usage("real numbers", measure, self.logits[0], [0])
        usage("complex128", measure, self.logits.astype(complex), self.labels)
        usage("whole numbers", measure, self.logits, self.labels.astype(float))
        usage("no images", measure, np.zeros((0, 7)), [])
        usage("at least one value", measure, np.zeros((2, 0)), [0, 0])
        usage("loss", measure, self.logits, self.labels, "hinge")
        usage("NaN", assemble.fit_temperature, [[np.nan, 1]], [0])
        usage("bins", assemble.calibration_error, [0.5], [True], 0)
        usage("the one at 1", assemble.calibration_error, [0.5, 1.5], [True, True])
        usage("fogs", assemble.score_corruptions, {"fogs": [0.1] * 5})
        usage("2 errors", assemble.score_corruptions, {"fog": [0.1] * 2})
        usage("share in", assemble.score_corruptions, {"fog": [88.6] * 5})
        usage("share in", assemble.score_perturbations, {"snow": float("nan")})
        usage("two", assemble.flip_share, [[1.0, 2.0]])
        usage("counts", assemble.mcnemar_exact, -1, 2)
        usage("recall", assemble.measure_retrieval, np.eye(3), [0, 1, 2], [3])
        self.assertRaises(ValueError, assemble.pair_answers, [True], [])


class Package(unittest.TestCase):
    def test_every_name_is_documented_and_typed(self):
        stub = (Path(assemble.__file__).parent / "_core.pyi").read_text()
        for name in assemble.__all__:
            if not name.startswith("__"):
                self.assertTrue(getattr(assemble, name).__doc__, name)
            if not name.startswith("__") and name not in ("Error", "InputError", "RunError", "UsageError"):
                self.assertRegex(stub, rf"(def|class) {name}\b")
        self.assertTrue((Path(assemble.__file__).parent / "py.typed").exists())

    def test_the_command(self):
        self.assertEqual(run("--version").stdout.split()[:2], ["assemble", assemble.__version__])
        self.assertEqual(run("predict", "--nonsense").returncode, 2)

    def test_the_docs(self):
        page = (DOCS / "tasks/python.md").read_text()
        # A fence would belong to the output before it.
        text = "\n".join("" if line.startswith("```") else line for line in page.splitlines())
        test = doctest.DocTestParser().get_doctest(text, {}, "python.md", "docs/tasks/python.md", 0)
        self.assertGreater(len(test.examples), 20)
        before = os.getcwd()
        os.chdir(FOLDER)
        try:
            results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
        finally:
            os.chdir(before)
        self.assertEqual(results.failed, 0)
        print(f"{results.attempted} examples of docs/tasks/python.md")


if __name__ == "__main__":
    unittest.main()
