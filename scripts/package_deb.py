#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finishes Debian packages that CPack has made, as Debian's policy wants them: manual pages and changelog compressed, a
copyright file; and a bill of materials. scripts/deb.sh calls it. The same input gives the same bytes.

    package_deb.py PACKAGE.deb... [--date SECONDS] [--compression xz|none]
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import sbom

SOURCES = Path(__file__).resolve().parent.parent
#: Where wheels lie whose libraries come along.
SITE_PACKAGES = sorted((SOURCES / ".venv/lib").glob("python3*/site-packages"))


def read_control(root):
    """Its fields; those of several lines in one string."""
    text = (root / "DEBIAN/control").read_text()
    return dict(re.findall(r"^([A-Za-z-]+): (.*(?:\n .*)*)$", text, re.MULTILINE))


def compress(source, target):
    with target.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(source.read_bytes())


def compress_manual(root):
    for page in sorted(root.glob("usr/share/man/man*/*.[1-9]")):
        compress(page, page.with_name(page.name + ".gz"))
        page.unlink()


COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: {notice}
License: Apache-2.0
 On Debian systems the text of the license is in /usr/share/common-licenses/Apache-2.0.
"""


def add_documents(root, package):
    folder = root / "usr/share/doc" / package
    folder.mkdir(parents=True, exist_ok=True)
    notice = re.search(r"^Copyright (.*)$", (SOURCES / "NOTICE").read_text(), re.MULTILINE)[1]
    text = COPYRIGHT.format(notice=notice)
    if bundled(root):
        text += "Comment: What lies in the private folder of libraries keeps the licenses that sbom.cdx.json names.\n"
    (folder / "copyright").write_text(text)
    compress(SOURCES / "CHANGELOG.md", folder / "changelog.gz")
    return folder


def bundled(root):
    """The libraries that come along, which are not ours."""
    files = root.glob("usr/lib/**/assemble/lib*.so*")  # with or without a folder of the architecture
    return sorted(path for path in files if not path.is_symlink() and not path.name.startswith("libassemble"))


def wheel_of(name):
    """Name, version and license of the wheel in .venv that brought a library; None of one from elsewhere."""
    for site in SITE_PACKAGES:
        for record in sorted(site.glob("*.dist-info/RECORD")):
            if re.search(rf"(^|/){re.escape(name)},", record.read_text(), re.MULTILINE):
                metadata = (record.parent / "METADATA").read_text()
                field = lambda key: (re.search(rf"^{key}: (.*)$", metadata, re.MULTILINE) or [None, ""])[1]
                return field("Name"), field("Version"), field("License-Expression") or field("License")
    return None


def wheel_component(wheel, files, root):
    name, version, license_name = wheel or ("unknown", "", "")
    purl = f"pkg:pypi/{name.lower()}@{version}" if wheel else "unknown"
    component = {"type": "library", "bom-ref": purl, "name": name, "version": version}
    if wheel:
        component["purl"] = purl
    if license_name:
        component["licenses"] = [{"license": {"name": license_name}}]
    component["components"] = [
        {
            "type": "file",
            "name": str(path.relative_to(root)),
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        }
        for path in files
    ]
    return component


def dependencies(control):
    """One a package that it names; the first of alternatives."""
    components = []
    for field, scope in (("Depends", "required"), ("Recommends", "optional"), ("Suggests", "optional")):
        for entry in filter(None, re.split(r",\s*", control.get(field, ""))):
            name, versions = re.match(r"(\S+)\s*(?:\((.*?)\))?", entry).groups()
            component = {"type": "library", "bom-ref": f"pkg:deb/debian/{name}", "name": name}
            if versions:
                component["version"] = versions
            components.append({**component, "purl": component["bom-ref"], "scope": scope})
    return components


def write_bill(root, control, target, seconds):
    by_wheel = {}
    for path in bundled(root):
        by_wheel.setdefault(wheel_of(path.name), []).append(path)
    components = [wheel_component(wheel, files, root) for wheel, files in sorted(by_wheel.items(), key=str)]
    components += [sbom.debian_component(package) for package in sbom.HEADER_PACKAGES]
    components += dependencies(control)
    purl = f"pkg:deb/assemble/{control['Package']}@{control['Version']}?arch={control['Architecture']}"
    sbom.write(target, control["Package"], control["Version"], purl, components, seconds)


def write_sums(root):
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    files = [path for path in files if "DEBIAN" not in path.relative_to(root).parts]
    lines = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in files]
    (root / "DEBIAN/md5sums").write_text("".join(lines))
    kibibytes = sum((path.stat().st_size + 1023) // 1024 for path in files)
    control = root / "DEBIAN/control"
    control.write_text(re.sub(r"^Installed-Size: .*$", f"Installed-Size: {kibibytes}", control.read_text(), flags=re.M))


def finish(package, seconds, compression):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        subprocess.run(["dpkg-deb", "--raw-extract", package, root], check=True)
        control = read_control(root)
        compress_manual(root)
        documents = add_documents(root, control["Package"])
        write_bill(root, control, documents / "sbom.cdx.json", seconds)
        write_sums(root)
        for path in root.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
                os.utime(path, (seconds, seconds))
        made = Path(folder) / "made.deb"
        command = ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", root, made]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(seconds)}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        shutil.copyfile(made, package)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("packages", type=Path, nargs="+")
    arguments.add_argument("--date", type=int, default=0, help="seconds since 1970 of the files inside")
    arguments.add_argument("--compression", choices=["xz", "none"], default="xz")
    given = arguments.parse_args()
    for package in given.packages:
        finish(package, given.date, given.compression)


main()
