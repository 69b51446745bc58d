# SPDX-License-Identifier: Apache-2.0
"""Types of arguments."""

from __future__ import annotations

import os
from typing import Any, Sequence, Union

import numpy as np
import numpy.typing as npt

#: RGB pixels [height, width, 3], the bytes of an image file, or its path.
Image = Union[npt.NDArray[np.uint8], bytes, str, "os.PathLike[str]", Any]
#: One image, several as an array [N, height, width, 3], or a list of images.
Images = Union[Image, Sequence[Image]]
