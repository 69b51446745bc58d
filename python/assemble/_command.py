# SPDX-License-Identifier: Apache-2.0
"""The command `assemble`, which is a program beside this file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ._libraries import package_folder

_HERE = Path(__file__).resolve().parent
#: How a program says that it was called wrongly.
_USAGE = 2


def _search_libraries(package: str, subfolder: str) -> bool:
    """Lets programs find a package's libraries where it is not installed beside this one."""
    folder = package_folder(package, subfolder)
    if folder is None:
        return False
    if folder.parent.parent != _HERE.parent:
        before = os.environ.get("LD_LIBRARY_PATH")
        os.environ["LD_LIBRARY_PATH"] = f"{folder}:{before}" if before else str(folder)
    return True


def main() -> None:
    """Becomes the program. What trains is a second one, which needs PyTorch's libraries."""
    if not _search_libraries("openvino", "libs"):
        sys.exit("error: the package openvino is not installed (pip install --force-reinstall assemble)")
    trainer = "libexec" if _search_libraries("torch", "lib") else "without_torch"
    os.environ.setdefault("ASSEMBLE_EXEC_PATH", str(_HERE / trainer))
    program = _HERE / "bin" / "assemble"
    try:
        os.execv(program, ["assemble", *sys.argv[1:]])
    except OSError as error:
        print(f"error: {program}: {error.strerror} (pip install --force-reinstall assemble)", file=sys.stderr)
        sys.exit(_USAGE)


if __name__ == "__main__":
    main()
