"""Run tutorial programs in this process and report, as JSON, what each one printed.

    python runner.py REPORT.json PROGRAM.py [PROGRAM.py ...]

It says `import torch` and nothing of dynagrad, so the same file serves both: run plainly it uses
PyTorch, run through `python -m dynagrad run` it uses dynagrad. Each program starts from
`torch.manual_seed(0)`. A program that ends in an error adds one line `raises TYPE: sentence`, each
warning one line `warns TYPE: sentence`, and each figure shown a few lines with what stands in it.
"""

import contextlib
import io
import json
import re
import runpy
import sys
import warnings

import matplotlib
import torch

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402  (the backend is chosen first)


def first_sentence(message: object) -> str:
    """The first sentence (or line) of an error or warning, without the full stop at its end."""
    return re.split(r"\.\s|\n", str(message).strip() + " ", maxsplit=1)[0].strip().rstrip(".")


def describe_figure(*_args: object, **_settings: object) -> None:
    """Stand in for `pyplot.show` and `pyplot.pause`: print what a reader would see, do not wait."""
    axes = pyplot.gca()
    print(f"figure: {axes.get_title()}")
    print(f"  text: {[text.get_text() for text in axes.texts]}")
    for points in axes.collections:
        x, y = (float(value) for value in points.get_offsets().mean(axis=0))
        print(f"  points: centre {x:.5f} {y:.5f}")
    for line in axes.lines:
        ends = " ".join(f"{float(value):.5f}" for value in line.get_ydata()[[0, -1]].ravel())
        print(f"  line: ends {ends}")
    pyplot.close()


def run_program(path: str) -> str:
    """Run one program and return its report."""
    output = io.StringIO()
    torch.manual_seed(0)
    with (
        contextlib.redirect_stdout(output),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        try:
            runpy.run_path(path, run_name="__main__")
        except Exception as error:
            print(f"raises {type(error).__name__}: {first_sentence(error)}")
    pyplot.close("all")
    lines = [f"warns {item.category.__name__}: {first_sentence(item.message)}" for item in caught]
    report = output.getvalue() + "".join(f"{line}\n" for line in dict.fromkeys(lines))
    return re.sub(r"0x[0-9a-fA-F]+", "0x0", report)


def main() -> None:
    """Run the programs named on the command line and write the report."""
    pyplot.show = describe_figure
    pyplot.pause = describe_figure
    report_path, *programs = sys.argv[1:]
    report = {
        "version": torch.__version__,
        "programs": {path: run_program(path) for path in programs},
        "files": sorted({str(getattr(m, "__file__", "")) for m in list(sys.modules.values())}),
    }
    with open(report_path, "w", encoding="utf-8") as stream:
        json.dump(report, stream, ensure_ascii=False)


if __name__ == "__main__":
    main()
