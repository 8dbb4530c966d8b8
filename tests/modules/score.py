"""Prints how many of PyTorch's modules give PyTorch's results.

python tests/modules/score.py                       everything, with the scores at the end
python tests/modules/score.py --only 'Norm|Linear'  modules whose names match
python tests/modules/score.py --rows init,forward   some rows
python tests/modules/score.py --limit 5             at most five samples of each
python tests/modules/score.py --json FILE           the differences, for other tools
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import listed

from modules.entries import ENTRIES
from modules.known import KNOWN
from modules.rows import run

if __name__ == "__main__":
    sys.exit(listed.main(str(__doc__), list(ENTRIES), run, KNOWN))
