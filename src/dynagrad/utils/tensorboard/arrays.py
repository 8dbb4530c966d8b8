"""Values as NumPy arrays, images in the layout that files have. Imports core and extras."""

import io
import math
from typing import Any

import numpy as np

from ...core.dtype import bfloat16, float16
from ...core.tensor import Tensor
from ...extras import optional

_PURPOSE = "Writing images for TensorBoard"


def make_np(x: Any) -> np.ndarray:
    """A number, array or tensor as an array; NotImplementedError for anything else."""
    if isinstance(x, np.ndarray):
        return x
    if np.isscalar(x):
        return np.array([x])
    if isinstance(x, Tensor):
        if x.dtype is bfloat16:
            x = x.to(dtype=float16)
        return x.detach().resolve_conj().numpy()
    raise NotImplementedError(
        f"Got {type(x)}, but numpy array or torch tensor are expected.\n"
        "Convert it: torch.tensor(values)"
    )


def as_hwc(images: np.ndarray, dataformats: str) -> np.ndarray:
    """An image, or several as a grid, in the order height, width, channel, with three channels
    unless it has more.
    """
    if len(set(dataformats)) != len(dataformats):
        raise AssertionError(
            "You can not use the same dimension shorthand twice.         "
            f"input_format: {dataformats}"
        )
    if images.ndim != len(dataformats):
        raise AssertionError(
            "size of input tensor and input format are different.         "
            f"tensor shape: {images.shape}, input_format: {dataformats}\n"
            f"dataformats names each of the {images.ndim} dimensions, as in 'CHW'."
        )
    letters = dataformats.upper()
    if len(letters) == 4:
        return grid(images.transpose([letters.find(c) for c in "NCHW"]))
    if len(letters) == 2:
        image = images.transpose([letters.find(c) for c in "HW"])
        return np.stack([image, image, image], 2)
    image = images.transpose([letters.find(c) for c in "HWC"])
    return np.concatenate([image, image, image], 2) if image.shape[2] == 1 else image


def grid(images: np.ndarray, columns: int = 8) -> np.ndarray:
    """Images (N, C, H, W) side by side, as one (H, W, 3)."""
    if images.shape[1] == 1:
        images = np.concatenate([images, images, images], 1)
    if images.shape[1] != 3:
        raise AssertionError(f"a grid takes images of 1 or 3 channels, not {images.shape[1]}")
    count, _, high, wide = images.shape
    columns = min(count, columns)
    rows = math.ceil(count / columns)
    canvas = np.zeros((3, high * rows, wide * columns), images.dtype)
    for i, image in enumerate(images):
        top, left = i // columns * high, i % columns * wide
        canvas[:, top : top + high, left : left + wide] = image
    return canvas.transpose(1, 2, 0)


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Colours as uint8: bytes as they are, other numbers from [0, 1]."""
    factor = 1 if values.dtype == np.uint8 else 255
    return (values.astype(np.float32) * factor).clip(0, 255).astype(np.uint8)


def encoded_png(
    image: np.ndarray, rescale: float = 1, boxes: Any = None, labels: Any = None
) -> bytes:
    """The PNG file of an image (H, W, C) of bytes, with boxes drawn in it, in another size."""
    pillow = optional("PIL.Image", "tensorboard", _PURPOSE)
    picture = pillow.fromarray(image)
    if boxes is not None:
        for i, box in enumerate(boxes):
            _draw_box(picture, box, None if labels is None else labels[i])
    size = int(image.shape[1] * rescale), int(image.shape[0] * rescale)
    file = io.BytesIO()
    picture.resize(size, pillow.Resampling.LANCZOS).save(file, format="PNG")
    return file.getvalue()


def _draw_box(picture: Any, box: Any, label: str | None) -> None:
    """A red frame, and its label in the lower left corner."""
    draw = optional("PIL.ImageDraw", "tensorboard", _PURPOSE).Draw(picture)
    left, top, right, bottom = (float(v) for v in box)
    corners = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
    draw.line(corners, width=2, fill="Red")
    if label:
        font = optional("PIL.ImageFont", "tensorboard", _PURPOSE).load_default()
        x0, y0, x1, y1 = font.getbbox(label)
        wide, high = x1 - x0, y1 - y0
        margin = math.ceil(0.05 * high)
        corner = (left, bottom - high - 2 * margin)
        draw.rectangle([corner, (left + wide, bottom)], fill="Red")
        draw.text((left + margin, bottom - high - margin), label, fill="black", font=font)


def encoded_gif(frames: np.ndarray, fps: float) -> bytes:
    """An animation of frames (T, H, W, C) of bytes."""
    pillow = optional("PIL.Image", "tensorboard", _PURPOSE)
    if frames.shape[-1] == 1:
        frames = np.concatenate([frames, frames, frames], -1)
    first, *others = [pillow.fromarray(frame) for frame in frames]
    file = io.BytesIO()
    first.save(file, format="GIF", save_all=True, append_images=others, duration=1000 / fps, loop=0)
    return file.getvalue()


def side_by_side(videos: np.ndarray) -> np.ndarray:
    """Videos (N, T, C, H, W) as one, (T, H, W, C), in a grid of a power of two of places."""
    if videos.dtype == np.uint8:
        videos = videos.astype(np.float32) / 255.0
    count, steps, channels, high, wide = videos.shape
    places = 1 << (count - 1).bit_length()
    if places != count:
        black = np.zeros((places - count, steps, channels, high, wide), videos.dtype)
        videos = np.concatenate([videos, black], 0)
    rows = 2 ** ((places.bit_length() - 1) // 2)
    columns = places // rows
    parts = videos.reshape(rows, columns, steps, channels, high, wide)
    return parts.transpose(2, 0, 4, 1, 5, 3).reshape(steps, rows * high, columns * wide, channels)


def figure_to_image(figures: Any, close: bool = True) -> np.ndarray:
    """A matplotlib figure as an image (3, H, W); a list of them as (N, 3, H, W)."""
    if isinstance(figures, list):
        return np.stack([figure_to_image(figure, close) for figure in figures])
    agg = optional("matplotlib.backends.backend_agg", "plot", "add_figure")
    canvas = agg.FigureCanvasAgg(figures)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    if close:
        optional("matplotlib.pyplot", "plot", "add_figure").close(figures)
    return np.moveaxis(pixels.copy(), 2, 0)
