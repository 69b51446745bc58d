# SPDX-License-Identifier: Apache-2.0
"""Makes images of the formats that no encoder of ours writes, as seeds of the image fuzzer, and the pixels they show.

Files go to tests/fuzz_seeds/image, pixels as stored (before an EXIF turn) to tests/golden/image_files.safetensors.
Needs numpy, safetensors, pillow 13 and pillow-heif 1.8: python tests/make_image_files.py
"""

import io
import pathlib
import struct

import numpy as np
import pillow_heif
from PIL import Image
from safetensors.numpy import save_file

TESTS = pathlib.Path(__file__).parent
SEEDS = TESTS / "fuzz_seeds" / "image"
HEIGHT, WIDTH = 20, 28
shown = {}


def keep(name, data, pixels):
    (SEEDS / name).write_bytes(data)
    pixels = np.asarray(pixels, np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    shown[name] = np.ascontiguousarray(pixels[..., :3])


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def drawing(height=HEIGHT, width=WIDTH):
    """Ramps and a disc, no two sides or channels alike."""
    y, x = np.mgrid[0:height, 0:width]
    disc = (x - width * 0.7) ** 2 + (y - height * 0.3) ** 2 < (height * 0.25) ** 2
    red = 255 * x / (width - 1)
    green = 255 * y / (height - 1)
    blue = np.where(disc, 230, 40 + 60 * ((x // 4 + y // 4) % 2))
    return np.stack([red, green, blue], axis=2).round().astype(np.uint8)


def bmp(name, header, table, rows, pixels):
    """A bitmap put together by hand. header: what follows the size of the second header; table: palette or masks."""
    begin = 14 + 4 + len(header) + len(table)
    data = b"BM" + struct.pack("<IHHI", begin + len(rows), 0, 0, begin)
    keep(name, data + struct.pack("<I", 4 + len(header)) + header + table + rows, pixels)


def info(width, height, bits, compression, size, colours=0):
    return struct.pack("<iiHHIIiiII", width, height, 1, bits, compression, size, 2835, 2835, colours, 0)


def make_bmp(rgb, indexed, palette):
    keep("plain.bmp", saved(Image.fromarray(rgb), "BMP"), rgb)
    keep("one_bit.bmp", saved(Image.fromarray(rgb).convert("1"), "BMP"), np.asarray(Image.fromarray(rgb).convert("1")) * 255)
    alpha = np.dstack([rgb, np.full(rgb.shape[:2], 7, np.uint8)])
    keep("alpha.bmp", saved(Image.fromarray(alpha), "BMP"), rgb)
    colours = palette[indexed]
    table = b"".join(bytes([b, g, r, 0]) for r, g, b in palette)
    runs8, runs4 = bytearray(), bytearray()
    for row in indexed[::-1]:
        half = WIDTH // 2
        runs8 += bytes([0, half]) + bytes(row[:half].tolist()) + bytes(half % 2)
        runs4 += bytes([0, half]) + bytes(int(a) << 4 | int(b) for a, b in zip(row[:half:2], row[1:half:2]))
        runs4 += bytes((half // 2) % 2)
        for value in row[half:]:
            runs8 += bytes([1, int(value)])
            runs4 += bytes([1, int(value) << 4])
        runs8 += b"\0\0"
        runs4 += b"\0\0"
    for name, runs, bits, kind in (("runs8.bmp", runs8, 8, 1), ("runs4.bmp", runs4, 4, 2)):
        runs += b"\0\1"
        bmp(name, info(WIDTH, HEIGHT, bits, kind, len(runs), len(palette)), table, bytes(runs), colours)
    packed = b"".join(bytes(int(a) << 4 | int(b) for a, b in zip(row[::2], row[1::2])) + bytes(2) for row in indexed)
    bmp("from_top4.bmp", info(WIDTH, -HEIGHT, 4, 0, len(packed), len(palette)), table, packed, colours)
    r, g, b = rgb[..., 0].astype(int) >> 3, rgb[..., 1].astype(int) >> 2, rgb[..., 2].astype(int) >> 3
    rows = (r << 11 | g << 5 | b).astype("<u2")[::-1].tobytes()
    expected = np.stack([r * 255 // 31, g * 255 // 63, b * 255 // 31], axis=2)
    bmp("masks565.bmp", info(WIDTH, HEIGHT, 16, 3, len(rows)), struct.pack("<III", 0xF800, 0x7E0, 0x1F), rows, expected)
    os2 = b"".join(bytes([b, g, r]) for r, g, b in palette) + bytes(3 * (256 - len(palette)))
    bmp("os2.bmp", struct.pack("<HHHH", WIDTH, HEIGHT, 1, 8), os2, indexed[::-1].tobytes(), colours)


def make_gif(indexed, palette):
    image = Image.fromarray(indexed, "P")
    image.putpalette(palette.flatten().tolist())
    colours = palette[indexed]
    keep("plain.gif", saved(image, "GIF", interlace=0), colours)
    keep("interlaced.gif", saved(image, "GIF", interlace=1), colours)
    # PIL reorders the palette so that used entries come first.
    keep("transparent.gif", saved(image, "GIF", transparency=3, interlace=0), colours)
    other = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    keep("animated.gif", saved(image, "GIF", save_all=True, append_images=[other], duration=50), colours)
    # A frame smaller than its canvas: the rest has the transparent colour.
    small = bytearray((SEEDS / "transparent.gif").read_bytes())
    small[6:10] = struct.pack("<HH", WIDTH + 9, HEIGHT + 5)
    at = small.index(b"\x2c\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT))
    small[at + 1 : at + 5] = struct.pack("<HH", 4, 2)
    canvas = np.empty((HEIGHT + 5, WIDTH + 9, 3), np.uint8)
    canvas[:] = np.asarray(Image.open(io.BytesIO(small)).convert("RGB"))[-1, -1]
    canvas[2 : 2 + HEIGHT, 4 : 4 + WIDTH] = colours
    keep("offset.gif", bytes(small), canvas)


def tiff(width, height, bits, photometric, blocks, samples, order="<", tile=None, extra=(), planar=1):
    """A TIFF of uncompressed strips or tiles, put together by hand."""
    entries = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * samples), 259: (3, [1]), 262: (3, [photometric]),
               277: (3, [samples]), 284: (3, [planar])}
    if tile:
        entries.update({322: (4, [tile[0]]), 323: (4, [tile[1]])})
    else:
        entries[278] = (4, [-(-height // (len(blocks) if planar == 1 else 1))])
    if extra:
        entries[338] = (3, list(extra))
    data = (b"II*\0" if order == "<" else b"MM\0*") + bytes(4)
    offsets = []
    for block in blocks:
        offsets.append(len(data))
        data += block + bytes(len(block) % 2)
    entries.update({324 if tile else 273: (4, offsets), 325 if tile else 279: (4, [len(block) for block in blocks])})
    fields = b""
    for tag, (kind, values) in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}{'HI'[kind == 4]}", *values)
        if len(packed) > 4:
            fields_at = len(data)
            data += packed + bytes(len(packed) % 2)
            packed = struct.pack(order + "I", fields_at)
        fields += struct.pack(order + "HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    data = data[:4] + struct.pack(order + "I", len(data)) + data[8:]
    return data + struct.pack(order + "H", len(entries)) + fields + bytes(4)


def make_tiff(rgb, indexed, palette):
    height, width = rgb.shape[:2]
    gray = rgb[..., 1]
    image = Image.fromarray(rgb)
    keep("lzw.tif", saved(image, "TIFF", compression="tiff_lzw"), rgb)
    keep("deflate.tif", saved(image, "TIFF", compression="tiff_adobe_deflate"), rgb)
    keep("gray.tif", saved(Image.fromarray(gray), "TIFF"), gray)
    keep("one_bit.tif", saved(image.convert("1"), "TIFF", compression="group4"), np.asarray(image.convert("1")) * 255)
    keep("big.tif", saved(image, "TIFF", big_tiff=True, tiffinfo={274: 6}), rgb)
    keep("turned.tif", saved(image, "TIFF", tiffinfo={274: 8}), rgb)
    mapped = Image.fromarray(indexed, "P")
    mapped.putpalette(palette.flatten().tolist())
    keep("palette.tif", saved(mapped, "TIFF"), palette[indexed])
    cmyk = np.dstack([255 - rgb, np.where(rgb[..., 2] > 200, 50, 0).astype(np.uint8)])
    ink = 255 - cmyk.astype(int)
    keep("cmyk.tif", saved(Image.fromarray(cmyk, "CMYK"), "TIFF"), ink[..., :3] * ink[..., 3:] // 255)
    clear = np.dstack([rgb, np.where(rgb[..., 2] > 200, 0, 200).astype(np.uint8)])
    keep("transparent.tif", saved(Image.fromarray(clear), "TIFF"), rgb)
    deep = rgb.astype(np.uint16) * 257
    for order in "<>":
        rows = deep.astype(order + "u2")
        strips = [rows[y : y + 7].tobytes() for y in range(0, height, 7)]
        keep("deep_little.tif" if order == "<" else "deep_big.tif", tiff(width, height, 16, 2, strips, 3, order), rgb)
    keep("deep_gray.tif", tiff(width, height, 16, 1, [(gray.astype("<u2") * 257).tobytes()], 1), gray)
    padded = np.zeros((32, 32, 3), np.uint8)
    padded[:height, :width] = rgb
    tiles = [padded[y : y + 16, x : x + 16].tobytes() for y in (0, 16) for x in (0, 16)]
    keep("tiled.tif", tiff(width, height, 8, 2, tiles, 3, tile=(16, 16)), rgb)
    planes = [np.ascontiguousarray(rgb[..., c]).tobytes() for c in range(3)]
    keep("planes.tif", tiff(width, height, 8, 2, planes, 3, planar=2), rgb)
    floats = gray.astype("<f4").tobytes()
    (SEEDS / "floats.tif").write_bytes(tiff(width, height, 32, 1, [floats], 1))


def make_heif():
    """Files of 8 and 10 bits, and one that its format turns: the pixels are as they are shown."""
    rgb = drawing(40, 56)
    image = Image.fromarray(rgb)
    pillow_heif.register_heif_opener()
    keep("plain.heic", saved(image, "HEIF", quality=90, chroma=444), rgb)
    deep = rgb.astype("<u2") * 257
    out = io.BytesIO()
    pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    pillow_heif.encode("RGB;16", (56, 40), deep.tobytes(), out, quality=90, chroma=444)
    keep("ten_bit.heic", out.getvalue(), rgb)
    turn = Image.Exif()
    turn[274] = 6
    keep("turned.heic", saved(image, "HEIF", quality=90, chroma=444, exif=turn.tobytes()), np.rot90(rgb, -1))
    keep("plain.avif", saved(image, "AVIF", quality=90, subsampling="4:4:4"), rgb)
    keep("turned.avif", saved(image, "AVIF", quality=90, subsampling="4:4:4", exif=turn.tobytes()), np.rot90(rgb, -1))
    clear = np.dstack([rgb, np.where(rgb[..., 2] > 200, 0, 255).astype(np.uint8)])
    keep("transparent.avif", saved(Image.fromarray(clear), "AVIF", quality=90, subsampling="4:4:4"), rgb)


def main():
    rgb = drawing()
    palette = np.array([[i * 17, 255 - i * 13, (i * 61) % 256] for i in range(16)], np.uint8)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    indexed = ((x // 2 + 3 * (y // 3)) % 16).astype(np.uint8)
    make_bmp(rgb, indexed, palette)
    make_gif(indexed, palette)
    make_tiff(rgb, indexed, palette)
    make_heif()
    save_file(shown, TESTS / "golden" / "image_files.safetensors")


if __name__ == "__main__":
    main()
