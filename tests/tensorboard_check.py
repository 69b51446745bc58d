# SPDX-License-Identifier: Apache-2.0
"""Compares the scalars that tensorboard reads in a run folder with the run's metrics.jsonl."""

import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing import event_accumulator


def expected_scalars(run):
    scalars = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        kind, step = row.pop("kind"), row.pop("step")
        for name, value in row.items():
            scalars[(f"{kind}/{name}", step)] = value
    return scalars


def read_scalars(run):
    events = event_accumulator.EventAccumulator(str(run), size_guidance={event_accumulator.SCALARS: 0})
    events.Reload()
    return {(tag, event.step): event.value for tag in events.Tags()["scalars"] for event in events.Scalars(tag)}


def check_visuals(run):
    """Images and histograms, with each of the run's two evaluations."""
    events = event_accumulator.EventAccumulator(
        str(run), size_guidance={event_accumulator.IMAGES: 0, event_accumulator.HISTOGRAMS: 0}
    )
    events.Reload()
    assert events.Tags()["images"] == [f"train/image/{i}" for i in range(3)], events.Tags()["images"]
    for event in events.Images("train/image/0"):
        assert (event.width, event.height) == (32, 32)
        assert event.encoded_image_string.startswith(b"\x89PNG")
    biases = events.Histograms("weights/fc.bias")
    assert len(biases) == 2
    for event in biases:
        value = event.histogram_value
        assert value.min <= value.sum / value.num <= value.max
        assert sum(value.bucket) == value.num and value.bucket_limit[-1] == value.max


run = pathlib.Path(sys.argv[1])
check_visuals(run)
expected, found = expected_scalars(run), read_scalars(run)
kinds = {tag.split("/")[0] for tag, _ in expected}
assert kinds == {"train", "validation"}, f"metrics.jsonl has the kinds {sorted(kinds)}"
assert expected.keys() == found.keys(), f"tags and steps differ: {sorted(expected.keys() ^ found.keys())[:8]}"
for key, value in expected.items():  # event files hold 32-bit floats
    assert math.isclose(value, found[key], rel_tol=1e-6, abs_tol=1e-12), f"{key}: {value} in JSON, {found[key]} read"
print(f"tensorboard reads {len(found)} scalars of {len({tag for tag, _ in found})} tags as they were written")
