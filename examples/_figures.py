"""What the examples share: the --out option, figures saved to files, and a film of training.

A film is a live window where there is a display, and an animated GIF where there is none.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart with every common kind of colour blindness.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, GREY = "#56B4E9", "#CC79A7", "#666666"


def command_line(description: str | None) -> argparse.ArgumentParser:
    """A parser that prints the module's docstring for --help and knows --out."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="folder for figures (out)"
    )
    return parser


def add_compile(parser: argparse.ArgumentParser) -> None:
    """Let the parser know --compile."""
    parser.add_argument(
        "--compile", action="store_true", help="run the training step as native code"
    )


def new_figure(width: float, height: float) -> Figure:
    """A figure that needs no window system."""
    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Axes, title: str, xlabel: str, ylabel: str) -> None:
    """Label the axes and take away the frame's upper and right side."""
    axes.set_title(title)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, folder: Path, name: str) -> Path:
    """Write the figure as PNG into the folder, print the file's path and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=130)
    print(f"figure: {path}")
    return path


class Film:
    """A figure shown frame by frame: in a window if one can be opened, else as a GIF.

    film = Film(folder, "name", width, height)
    ... draw into film.figure ...
    film.frame()        # after each change
    film.finish()       # writes the files and prints their paths
    """

    def __init__(
        self, folder: Path, name: str, width: float, height: float, window: bool = True
    ) -> None:
        """Open the window, or the GIF where there is no display or `window` is false."""
        self.folder, self.name = folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self.figure = new_figure(width, height)
        self.writer: PillowWriter | None = None
        if window:
            shown = plt.figure(figsize=(width, height), layout="constrained")
            # None is what matplotlib says of a canvas that only draws into files.
            if shown.canvas.required_interactive_framework is not None:
                self.figure = shown
                return
            plt.close(shown)
        self.writer = PillowWriter(fps=10)
        self.writer.setup(self.figure, str(folder / f"{name}.gif"), dpi=80)

    def frame(self) -> None:
        """Show, or record, the figure as it is now."""
        if self.writer is None:
            plt.pause(0.03)
        else:
            self.writer.grab_frame()

    def finish(self) -> None:
        """Write the last state as PNG and close the film, holding the window until it is closed."""
        if self.writer is not None:
            for _ in range(15):
                self.writer.grab_frame()
            self.writer.finish()
            print(f"film: {self.folder / self.name}.gif")
        save(self.figure, self.folder, self.name)
        if self.writer is None:
            print("close the window to end")
            plt.show()
