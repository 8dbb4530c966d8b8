"""The files that TensorBoard's projector reads. Imports arrays."""

import math
import os
from typing import Any

import numpy as np

from ...extras import optional
from .arrays import grid, make_np


def write_table(metadata: Any, folder: str, header: Any = None) -> None:
    """metadata.tsv: a label for each point, or several under the names of `header`."""
    if not header:
        rows = [str(label) for label in metadata]
    else:
        if len(header) != len(metadata[0]):
            raise AssertionError("len of header must be equal to the number of columns in metadata")
        rows = ["\t".join(str(cell) for cell in row) for row in [header, *metadata]]
    _write(folder, "metadata.tsv", rows)


def write_points(points: np.ndarray, folder: str) -> None:
    """tensors.tsv: a line for each point."""
    _write(folder, "tensors.tsv", ["\t".join(str(x) for x in row.tolist()) for row in points])


def _write(folder: str, name: str, rows: list[str]) -> None:
    with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(rows) + "\n")


def write_sprite(images: Any, folder: str) -> None:
    """sprite.png: the images of all points in a square."""
    images = make_np(images)
    columns = math.ceil(math.sqrt(len(images)))
    placed = grid(images, columns)
    square = np.zeros((placed.shape[1], placed.shape[1], 3))
    square[: placed.shape[0]] = placed
    pixels = np.uint8((square * 255).clip(0, 255))
    pillow = optional("PIL.Image", "tensorboard", "add_embedding")
    pillow.fromarray(pixels).save(os.path.join(folder, "sprite.png"))


def described(config: Any, tag: str, step: str, subdir: str, metadata: Any, images: Any) -> None:
    """Add what was written to the projector's configuration."""
    info = config.embeddings.add()
    info.tensor_name = f"{tag}:{step}"
    info.tensor_path = f"{subdir}/tensors.tsv"
    if metadata is not None:
        info.metadata_path = f"{subdir}/metadata.tsv"
    if images is not None:
        info.sprite.image_path = f"{subdir}/sprite.png"
        info.sprite.single_image_dim.extend([images.shape[3], images.shape[2]])
