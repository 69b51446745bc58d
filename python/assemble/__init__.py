# SPDX-License-Identifier: Apache-2.0
"""Image classifiers: open, run and measure them, corrupt images, load batches.

The runtime half of Assemble in Python. Images are RGB arrays of uint8, [height, width, 3], or files; nothing here needs
PyTorch, whose tensors of the CPU are taken as arrays.
"""

from . import _types  # noqa: F401  (for type checkers)
from ._errors import Error, InputError, RunError, UsageError
from ._libraries import load_openvino

load_openvino()

from ._core import (  # noqa: E402  (it is linked with what was just loaded)
    Batch,
    Class,
    ClassificationResult,
    CorruptionScores,
    Loader,
    Model,
    PairedAnswers,
    PerturbationScores,
    Preprocessing,
    RetrievalResult,
    __version__,
    calibration_error,
    compares_to_first_frame,
    corrupt,
    corruption_names,
    decode_image,
    fit_temperature,
    flip_share,
    mcnemar_exact,
    measure_classification,
    measure_retrieval,
    open_model,
    pair_answers,
    perturb,
    perturbation_names,
    preprocess,
    score_corruptions,
    score_perturbations,
    top5_distance,
)

__all__ = [
    "Batch",
    "Class",
    "ClassificationResult",
    "CorruptionScores",
    "Error",
    "InputError",
    "Loader",
    "Model",
    "PairedAnswers",
    "PerturbationScores",
    "Preprocessing",
    "RetrievalResult",
    "RunError",
    "UsageError",
    "__version__",
    "calibration_error",
    "compares_to_first_frame",
    "corrupt",
    "corruption_names",
    "decode_image",
    "fit_temperature",
    "flip_share",
    "mcnemar_exact",
    "measure_classification",
    "measure_retrieval",
    "open_model",
    "pair_answers",
    "perturb",
    "perturbation_names",
    "preprocess",
    "score_corruptions",
    "score_perturbations",
    "top5_distance",
]
