"""Functions loaded on first use, by several threads at once."""

import subprocess
import sys

PROGRAM = """
import sys, threading
import dynagrad as torch

sys.setswitchinterval(1e-6)
start, failures = threading.Barrier(4), []

def use():
    try:
        start.wait()
        import dynagrad.nn.functional as F
        x = torch.arange(16.0).reshape(4, 4)
        torch.linalg.svdvals(x), torch.fft.fft(x), x.cov(), torch.cdist(x, x)
        torch.signal.windows.hann(5), torch.special.i0e(x), torch.masked.sum(x, mask=x > 0)
        F.conv1d(x[None], x[None, :, :2]), x.histc(3), x.lu_solve(x, torch.arange(1, 5).int())
    except Exception as error:
        failures.append(repr(error))

threads = [threading.Thread(target=use) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(failures)
"""


def test_first_use_by_several_threads() -> None:
    for _ in range(4):  # which thread loads what is left to chance
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120
        )
        assert done.stdout.strip() == "[]", done.stdout + done.stderr
