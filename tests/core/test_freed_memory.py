"""Freed memory is used again, without a word to the system."""

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource
import dynagrad as dg

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

x = dg.ones(512, 512, requires_grad=True)
counts = []
for _ in range(30):
    before = faults()
    ((x * 2).tanh() * x).sum().backward()
    counts.append(faults() - before)
print(sorted(counts)[15])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's malloc")
def test_steps_fetch_no_pages() -> None:
    run = [sys.executable, "-c", STEPS]
    result = subprocess.run(run, capture_output=True, text=True, check=True, timeout=120)
    # five arrays of a megabyte are 1,280 pages
    assert int(result.stdout) < 100
