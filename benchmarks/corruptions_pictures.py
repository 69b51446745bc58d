# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of docs/corruptions.md.

grid: a drawn image under the 19 corruptions and 5 severities.
spectra: power of fog and frost alone (a flat gray image) by spatial frequency, beside ImageNet-C's own generator.
"""
import argparse
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import python_corruptions as peers

SIDE = 224


def corrupt(assemble, data, out, *options):
    command = [assemble, "corrupt", "--data", data, "--out", out, "--resize", "0", "--crop", "0", "--format", "png",
               "--quiet", *options]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)


def font(size):
    return ImageFont.load_default(size)


def draw_grid(options, folder):
    command = [options.assemble, "dataset", "draw", "--out", folder / "drawn", "--side", str(SIDE), "--train-per-class",
               "1", "--validation-per-class", "1", "--seed", str(options.seed), "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    source = sorted((folder / "drawn/validation").rglob("*.png"))[options.image]
    (folder / "one/picture").mkdir(parents=True)
    Image.open(source).save(folder / "one/picture/it.png")
    corrupt(options.assemble, folder / "one", folder / "grid")
    cell, gap, label = 104, 4, 132
    sheet = Image.new("RGB", (label + 5 * (cell + gap), 24 + 19 * (cell + gap)), "white")
    pen = ImageDraw.Draw(sheet)
    for severity in range(1, 6):
        pen.text((label + (severity - 1) * (cell + gap) + cell // 2, 12), str(severity), "black", font(14), anchor="mm")
    for row, name in enumerate(peers.NAMES):
        top = 24 + row * (cell + gap)
        pen.text((6, top + cell // 2), name.replace("_", " "), "black", font(14), anchor="lm")
        for severity in range(1, 6):
            image = Image.open(folder / f"grid/{name}/{severity}/picture/it.png").resize((cell, cell), Image.LANCZOS)
            sheet.paste(image, (label + (severity - 1) * (cell + gap), top))
    sheet.save(options.out / "corruptions.jpg", quality=80)


def spectrum(images):
    """Mean power by distance from zero frequency, of the deviations from each image's mean."""
    total = 0
    for image in images:
        gray = image.astype(np.float64).mean(2)
        total = total + np.abs(np.fft.fft2(gray - gray.mean())) ** 2 / gray.size / len(images)
    axis = np.fft.fftfreq(SIDE) * SIDE
    radius = np.rint(np.hypot(*np.meshgrid(axis, axis))).astype(int).ravel()
    return (np.bincount(radius, total.ravel()) / np.bincount(radius))[1:SIDE // 2]


def draw_curves(pen, box, title, curves):
    left, top, width, height = box
    low, high = -3, 6
    pen.rectangle((left, top, left + width, top + height), outline="gray")
    pen.text((left + width // 2, top - 12), title, "black", font(14), anchor="mm")
    place = lambda k, power: (left + width * np.log(k) / np.log(SIDE // 2),
                              top + height * (1 - (np.clip(np.log10(power), low, high) - low) / (high - low)))
    for power in range(low, high + 1):
        pen.text((left - 4, place(1, 10.0**power)[1]), f"1e{power}", "black", font(11), anchor="rm")
    for frequency in (1, 2, 4, 8, 16, 32, 64):
        pen.text((place(frequency, 1)[0], top + height + 10), str(frequency), "black", font(11), anchor="mm")
    for number, (name, color, curve) in enumerate(curves):
        pen.line([place(k + 1, power) for k, power in enumerate(curve)], color, 2)
        pen.text((left + 12, top + height - 16 * (len(curves) - number)), name, color, font(13), anchor="lm")


def draw_spectra(options, folder):
    (folder / "gray/picture").mkdir(parents=True)
    gray = Image.new("RGB", (SIDE, SIDE), (90, 90, 90))
    for i in range(options.images):
        gray.save(folder / f"gray/picture/{i}.png")
    functions = peers.published(options.generator)
    peers.os.chdir(options.frost_dir)
    sheet = Image.new("RGB", (960, 420), "white")
    pen = ImageDraw.Draw(sheet)
    for panel, name in enumerate(("fog", "frost")):
        curves = []
        for severity, shade in ((1, "#d06020"), (5, "#2060c0")):
            for label, frost in (("drawn", []), ("photographs", ["--frost-dir", options.frost_dir])):
                if name == "fog" and frost:
                    continue
                out = folder / f"{name}-{severity}-{label}"
                corrupt(options.assemble, folder / "gray", out, "--corruptions", name, "--severities", severity, *frost)
                images = [np.asarray(Image.open(path)) for path in (out / name).rglob("*.png")]
                curves.append((f"severity {severity}, assemble" + (f" ({label})" if name == "frost" else ""),
                               shade if not frost else ("#f0b080" if severity == 1 else "#80b0f0"), spectrum(images)))
            np.random.seed(0)
            images = [peers.as_levels(functions[name](gray, severity)) for _ in range(options.images)]
            curves.append((f"severity {severity}, generator", "black" if severity == 1 else "gray", spectrum(images)))
        draw_curves(pen, (60 + 480 * panel, 40, 400, 340), name + ": power by cycles an image", curves)
    sheet.save(options.out / "corruptions_spectra.png", optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["grid", "spectra"])
    parser.add_argument("--assemble", default="build/assemble")
    parser.add_argument("--generator", help="make_imagenet_c.py")
    parser.add_argument("--frost-dir", help="the generator's photographs of frost")
    parser.add_argument("--images", type=int, default=100, help="random images a spectrum")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--image", type=int, default=0, help="which of the drawn images")
    parser.add_argument("--out", default="docs", type=pathlib.Path)
    options = parser.parse_args()
    options.assemble, options.out = str(pathlib.Path(options.assemble).resolve()), options.out.resolve()
    with tempfile.TemporaryDirectory() as folder:
        (draw_grid if options.what == "grid" else draw_spectra)(options, pathlib.Path(folder))


if __name__ == "__main__":
    main()
