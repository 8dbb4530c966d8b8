"""Prints how many of PyTorch's optimisers and schedules give PyTorch's numbers.

python tests/optimizers/score.py                      everything, with the scores at the end
python tests/optimizers/score.py --only 'Adam|LR'     optimisers and schedules by name
python tests/optimizers/score.py --rows steps,state   some rows
python tests/optimizers/score.py --limit 5            at most five configurations of each
python tests/optimizers/score.py --json FILE          the differences, for other tools
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import listed

from optimizers.known import KNOWN
from optimizers.rows import NAMES, run

if __name__ == "__main__":
    sys.exit(listed.main(str(__doc__), NAMES, run, KNOWN))
