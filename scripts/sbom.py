# SPDX-License-Identifier: Apache-2.0
"""A bill of materials in CycloneDX 1.6 of a package: what lies in it, of which Debian packages in which versions; what
was compiled into it from headers; and what it depends on.
"""

import datetime
import functools
import hashlib
import json
import re
import subprocess
import uuid

# Debian's packages of which headers alone are used: their code is in the programs.
HEADER_PACKAGES = [
    "libcli11-dev",
    "libhwy-dev",
    "libprotozero-dev",
    "libtomlplusplus-dev",
    "libxxhash-dev",
    "nlohmann-json3-dev",
]


def dpkg(*arguments):
    return subprocess.run(["dpkg-query", *arguments], capture_output=True, text=True, check=True).stdout


@functools.cache
def owner_of(path):
    """Debian's package that a file is of; it knows some by their path before /usr was merged."""
    for candidate in (str(path), str(path).removeprefix("/usr")):
        try:
            return dpkg("--search", candidate).split(":")[0]
        except subprocess.CalledProcessError:
            continue
    raise SystemExit(f"{path} is of no Debian package: what it is cannot be said in the SBOM")


def debian_component(package, files=()):
    fields = r"${source:Package}|${source:Version}|${Version}|${Architecture}|${Homepage}\n"
    # The first of several architectures is the machine's own.
    line = dpkg("--showformat", fields, "--show", package).splitlines()[0]
    source, source_version, version, architecture, home = line.split("|")
    purl = f"pkg:deb/debian/{package}@{version}?arch={architecture}"
    component = {
        "type": "library",
        "bom-ref": purl,
        "name": package,
        "version": version,
        "purl": purl,
        "properties": [{"name": "debian:source", "value": f"{source} {source_version}"}],
    }
    if home:
        component["externalReferences"] = [{"type": "website", "url": home}]
    if files:
        component["components"] = [
            {
                "type": "file",
                "name": name,
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
            }
            for name, path in sorted(files)
        ]
    return component


def python_components(metadata):
    components = []
    for requirement in re.findall(r"^Requires-Dist: ([A-Za-z0-9._-]+) ?([^;\n]*)(.*)$", metadata, re.MULTILINE):
        name, version, extra = requirement
        exact = version.strip("() ").removeprefix("==") if "==" in version else ""
        purl = f"pkg:pypi/{name.lower()}" + (f"@{exact}" if exact else "")
        component = {"type": "library", "bom-ref": purl, "name": name, "purl": purl}
        component["version"] = exact or version.strip("() ")
        component["scope"] = "optional" if "extra" in extra else "required"
        components.append(component)
    return components


def of_wheel(metadata, libraries):
    """@param libraries name in the package: file that it was made of"""
    packages = {}
    for name, path in libraries.items():
        packages.setdefault(owner_of(path), []).append((name, path))
    components = [debian_component(package, files) for package, files in sorted(packages.items())]
    components += [debian_component(package) for package in HEADER_PACKAGES]
    return components + python_components(metadata)


def write(target, name, version, purl, components, seconds):
    date = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "",
        "version": 1,
        "metadata": {
            "timestamp": date,
            "component": {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "purl": purl,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": components,
        "dependencies": [{"ref": purl, "dependsOn": sorted(component["bom-ref"] for component in components)}],
    }
    # Of the content, so that it is the same for the same package.
    content["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))}"
    target.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
