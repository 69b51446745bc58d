# SPDX-License-Identifier: Apache-2.0
"""Finds the shared libraries of the packages that this one is linked with, wherever they are installed."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path


def package_folder(package: str, subfolder: str) -> Path | None:
    """Folder of an installed package's libraries. The package is not imported."""
    spec = importlib.util.find_spec(package)
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / subfolder
        if folder.is_dir():
            return folder
    return None


def load_openvino() -> None:
    """Loads OpenVINO and the oneTBB that comes with it, so that no other one of that name is taken."""
    folder = package_folder("openvino", "libs")
    if folder is None:
        return  # then the module's own search path says where it is
    for pattern in ("libtbb.so.*", "libopenvino.so.*"):
        for library in sorted(folder.glob(pattern)):
            ctypes.CDLL(str(library))
