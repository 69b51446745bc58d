# SPDX-License-Identifier: Apache-2.0
"""The ten official sequences of ImageNet-P in Python: what the published script make_imagenet_p.py
(github.com/hendrycks/robustness, ImageNet-P/create_p) does in each of its parts, as functions.

Each takes an image whose short side is 256 and gives its frames. Two things are made as they were when the sets were made:
torchvision's affine maps turned about half a pixel beyond the centre, and ToPILImage cuts levels off. The third is up to the
environment: tilt is as published with OpenCV 4 (opencv-python-headless<5); the warpPerspective of OpenCV 5 interpolates otherwise.
"""
import ctypes
import io

import cv2
import numpy as np
import skimage.color
import torch
import torchvision.transforms.functional as functional
from PIL import Image
from scipy.ndimage import zoom as scizoom
from torchvision.transforms import InterpolationMode

torch.set_num_threads(1)
SIDE = 224
FRAMES = 31
NOISES = {"gaussian_noise", "shot_noise"}  # their frames are compared to the first
RANDOM = NOISES | {"snow"}


def resized(path):
    return functional.resize(Image.open(path), 256).convert("RGB")


def crop(image):
    return functional.center_crop(image, [SIDE, SIDE])


def affine(image, angle=0, translate=(0, 0), scale=1.0, interpolation=InterpolationMode.BILINEAR):
    center = [image.width * 0.5 + 0.5, image.height * 0.5 + 0.5]
    return functional.affine(image, angle=angle, translate=list(translate), scale=scale, shear=[0.0],
                             interpolation=interpolation, center=center)


def motion_blurred(png, radius, sigma, angle):
    """By ImageMagick; levels as they come out of its PNG."""
    from wand.api import library
    from wand.image import Image as WandImage
    library.MagickMotionBlurImage.argtypes = (ctypes.c_void_p, ctypes.c_double, ctypes.c_double, ctypes.c_double)
    image = WandImage(blob=png)
    library.MagickMotionBlurImage(image.wand, radius, sigma, angle)
    return cv2.imdecode(np.frombuffer(image.make_blob(), np.uint8), cv2.IMREAD_UNCHANGED)


def png_of(image):
    output = io.BytesIO()
    image.save(output, format="PNG")
    return output.getvalue()


def to_pil(tensor):
    return Image.fromarray(tensor.mul(255).byte().permute(1, 2, 0).numpy())


def gaussian_noise(image):
    clean = functional.to_tensor(crop(image))
    noisy = (torch.clamp(clean + 0.03 * torch.randn_like(clean), 0, 1) for _ in range(1, FRAMES))
    return [to_pil(clean), *map(to_pil, noisy)]


def shot_noise(image):
    clean = crop(image)
    shares = np.array(clean) / 255.0
    noisy = (np.clip(np.random.poisson(shares * 300) / 300.0, 0, 1) for _ in range(1, FRAMES))
    return [clean, *(Image.fromarray(np.uint8(255 * frame)) for frame in noisy)]


def motion_blur(image):
    png = png_of(crop(image))
    frames = []
    for i in range(FRAMES):
        blurred = motion_blurred(png, radius=10, sigma=3, angle=(i - 30) * 4)
        rgb = blurred[..., [2, 1, 0]] if blurred.ndim == 3 else np.stack([blurred] * 3, axis=2)
        frames.append(Image.fromarray(np.ascontiguousarray(rgb)))
    return frames


def zoom_blur(image):
    frames = [crop(image)]
    total = functional.to_tensor(frames[0])
    for i in range(1, FRAMES):
        total += functional.to_tensor(crop(affine(image, scale=1 + 0.004 * i)))
        frames.append(to_pil(total / (i + 1)))
    return frames


def clipped_zoom(image, factor):
    side = image.shape[0]
    kept = int(np.ceil(side / factor))
    top = (side - kept) // 2
    zoomed = scizoom(image[top:top + kept, top:top + kept], (factor, factor, 1), order=1)
    trim = (zoomed.shape[0] - side) // 2
    return zoomed[trim:trim + side, trim:trim + side]


def snow(image):
    clean = np.array(crop(image)) / 255.0
    layer = np.random.normal(size=(SIDE, SIDE), loc=0.05, scale=0.3)
    layer = clipped_zoom(layer[..., np.newaxis], 3)
    layer[layer < 0.5] = 0
    png = png_of(Image.fromarray((np.clip(layer.squeeze(), 0, 1) * 255).astype(np.uint8)))
    gray = cv2.cvtColor(np.float32(clean), cv2.COLOR_RGB2GRAY).reshape(SIDE, SIDE, 1)
    whitened = 0.85 * clean + (1 - 0.85) * np.maximum(clean, gray * 1.5 + 0.5)
    frames = []
    for i in range(FRAMES):
        flakes = motion_blurred(png, radius=14, sigma=4, angle=i * 4 - 150)[..., np.newaxis] / 255.0
        frames.append(Image.fromarray(np.uint8(np.clip(whitened + flakes + np.rot90(flakes, k=2), 0, 1) * 255)))
    return frames


def brightness(image):
    hsv = skimage.color.rgb2hsv(np.array(crop(image)) / 255.0)
    frames = []
    for i in range(FRAMES):
        changed = hsv.copy()
        changed[:, :, 2] = np.clip(changed[:, :, 2] + (i - 15) * 2 / 100.0, 0, 1)
        frames.append(Image.fromarray(np.uint8(skimage.color.hsv2rgb(changed) * 255)))
    return frames


def translate(image):
    nearest = InterpolationMode.NEAREST
    return [crop(affine(image, translate=(i - 20, 0), interpolation=nearest)) for i in range(41)]


def rotate(image):
    return [crop(affine(image, angle=i - 15)) for i in range(FRAMES)]


def tilt(image):
    pixels = np.array(image)
    h, w = pixels.shape[:2]
    f = np.hypot(w, h)
    to_space = np.array([[1, 0, -w / 2], [0, 1, -h / 2], [0, 0, 1], [0, 0, 1]])
    away = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, f], [0, 0, 0, 1]])
    to_plane = np.array([[f, 0, w / 2, 0], [0, f, h / 2, 0], [0, 0, 1, 0]])
    frames = []
    for i in range(FRAMES):
        c, s = np.cos(np.deg2rad(i - 15)), np.sin(np.deg2rad(i - 15))
        about_x = np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]])
        about_y = np.array([[c, 0, -s, 0], [0, 1, 0, 0], [s, 0, c, 0], [0, 0, 0, 1]])
        warped = cv2.warpPerspective(pixels, to_plane @ away @ about_x @ about_y @ to_space, (w, h))
        frames.append(crop(Image.fromarray(warped)))
    return frames


def scale(image):
    return [crop(affine(image, scale=(i * 2.5 + 40) / 100.0)) for i in range(FRAMES)]


KINDS = {function.__name__: function for function in (gaussian_noise, shot_noise, motion_blur, zoom_blur, snow, brightness,
                                                      translate, rotate, tilt, scale)}
