#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the wheel and installs it into a fresh virtual environment: there a photo is classified through Python and
# through the command within a minute, and the package's own tests and the docs' examples run. Sizes, and that the same
# sources make the same bytes. Skipped where PyPI is out of reach.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly kWork=build/python-test
readonly kMostBytes=30000000 kMostSeconds=60
rm -rf "$kWork"
mkdir -p "$kWork"
skip() { echo "skipped: $1"; exit 77; }

scripts/bootstrap.sh python 2>"$kWork/bootstrap.log" || skip "no nanobind and scikit-build-core: $(tail -n 1 "$kWork/bootstrap.log")"
scripts/wheel.sh "$kWork/dist"
wheel=$(find "$PWD/$kWork/dist" -name '*.whl')
size=$(stat -c %s "$wheel")
[ "$size" -le "$kMostBytes" ] || { echo "$wheel: $size bytes, expected at most $kMostBytes"; exit 1; }

# From the same programs the same wheel, at another time.
epoch=$(git log -1 --format=%ct 2>/dev/null || echo 315532800)
.venv-python/bin/python - "$wheel" build/python/raw/*.whl "$kWork/again" "$epoch" <<'PYTHON'
import filecmp, os, subprocess, sys
wheel, raw, again, date = sys.argv[1:]
path = os.path.abspath(".venv-python/bin") + ":" + os.environ["PATH"]
subprocess.run([sys.executable, "scripts/package_wheel.py", raw, again, "--elsewhere", "build/python/prefix/lib/assemble",
                "--date", date], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PATH": path})
assert filecmp.cmp(wheel, os.path.join(again, os.path.basename(wheel)), shallow=False), "another wheel the second time"
PYTHON

# The photo and the model.
build/assemble dataset draw --quiet --out "$kWork/data" --train-per-class 8 --validation-per-class 2 --side 32 >/dev/null
build/assemble train --quiet --data "$kWork/data" --out "$kWork/run" --arch resnet50+w4 --epochs 1 --batch-size 8 \
  --train-size 32 --eval-size 32 --bn-momentum 0.5 --lr 0.01 >/dev/null
cp "$kWork/run/last.safetensors" "$kWork/model.safetensors"
cp "$(find "$kWork/data/validation" -type f | sort | head -n 1)" "$kWork/photo.png"

start=$(date +%s.%N)
/usr/bin/python3 -m venv "$kWork/venv"
"$kWork/venv/bin/pip" --disable-pip-version-check install --quiet "$wheel" >"$kWork/pip.log" 2>&1 ||
  skip "pip cannot install OpenVINO and NumPy: $(tail -n 1 "$kWork/pip.log")"
cd "$kWork"
said=$(venv/bin/python -c 'import assemble; print(assemble.open_model("model.safetensors").classify("photo.png")[0].name)')
seconds=$(awk -v start="$start" -v now="$(date +%s.%N)" 'BEGIN { printf "%.1f", now - start }')
named=$(venv/bin/assemble predict --quiet --model model.safetensors --cache "" --format csv --top 1 photo.png |
          awk -F , 'NR == 2 { print $4 }')
echo "wheel: $size bytes; from no environment to the first prediction $seconds s; $(du -sm venv | cut -f 1) MB on the disk"
[ "$said" = "$named" ]
awk -v seconds="$seconds" -v most="$kMostSeconds" 'BEGIN { exit seconds > most }'

ASSEMBLE_TEST_FOLDER=$PWD ASSEMBLE_TEST_DOCS=$PWD/../../docs venv/bin/python ../../python/tests/test_package.py
# What it needs of this machine is glibc's and the compiler's, which are everywhere.
site=$(venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
find "$site/assemble" "$site/assemble.libs" -type f \( -name '*.so*' -o -path '*/bin/*' \) | while read -r file; do
  ldd "$file" | awk -v file="$file" -v site="$site/" '
    $2 == "=>" && index($3, site) != 1 && $1 !~ /^lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s)\.so\./ {
      print file " needs " $0; outside = 1
    }
    END { exit outside }'
done
# The training half says what it needs, and has one LibTorch where it is.
status=0
venv/bin/assemble train --data data --out none 2>train.log || status=$?
[ "$status" -eq 2 ]
grep -q "assemble\[train\]" train.log
torch=$(find "$PWD/../../.venv/lib" -maxdepth 2 -name site-packages)
[ ! -d "$torch/torch" ] || PYTHONPATH=$torch venv/bin/assemble model info resnet50 --json | grep -q parameters
venv/bin/python - <<'PYTHON'
import json, pathlib, assemble
info = next(pathlib.Path(assemble.__file__).parent.parent.glob("assemble-*.dist-info"))
materials = json.loads((info / "sboms/assemble.cdx.json").read_text())
names = {component["name"]: component.get("version") for component in materials["components"]}
assert materials["bomFormat"] == "CycloneDX" and names["openvino"] and names["libjpeg62-turbo"] and names["nlohmann-json3-dev"]
files = {file["name"] for component in materials["components"] for file in component.get("components", [])}
assert files == {path.name for path in (info.parent / "assemble.libs").iterdir()}, "the SBOM lists other libraries"
PYTHON
# Another Python is told by its pip which one it should be; here where there is one, as pyenv has them.
own=$(venv/bin/python -c 'import sys; print("==%d.%d.*" % sys.version_info[:2])')
grep -qxF "Requires-Python: $own" "$site"/assemble-*.dist-info/METADATA
mapfile -t others < <(compgen -G "$HOME/.pyenv/versions/3.[89]*/bin/python3" || true)
for other in python3.8 python3.9 python3.13 "${others[@]}"; do
  version=$("$other" -c 'import sys; print("==%d.%d.*" % sys.version_info[:2])' 2>/dev/null) || continue
  { [ "$version" != "$own" ] && "$other" -m pip --version >/dev/null 2>&1; } || continue
  if "$other" -m pip --disable-pip-version-check install --no-deps --target other "$wheel" >other.log 2>&1; then
    echo "$other took the wheel"
    exit 1
  fi
  grep -F 'requires a different Python' other.log | grep -qF "$own" || { cat other.log; exit 1; }
done
