"""Write anew what PyTorch prints for each tutorial program (needs torch 2.13).

python tests/tutorials/regenerate.py
"""

from comparing import EXPECTED, run_programs


def main() -> None:
    """Run every program under PyTorch and store its report."""
    report = run_programs()
    if not report["version"].startswith("2.13."):
        raise SystemExit(f"the texts are those of PyTorch 2.13, this is {report['version']}")
    EXPECTED.mkdir(exist_ok=True)
    for old in EXPECTED.glob("*.txt"):
        old.unlink()
    for subject, text in report["programs"].items():
        (EXPECTED / f"{subject}.txt").write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(report['programs'])} texts written to {EXPECTED}")


if __name__ == "__main__":
    main()
