# SPDX-License-Identifier: Apache-2.0
"""What figures were measured on."""
import os
import pathlib
import platform
import subprocess


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines() if platform.system() == "Linux" else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def threads():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def version(program):
    done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return " ".join(done.stdout.split())
