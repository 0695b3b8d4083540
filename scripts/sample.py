#!/usr/bin/env python3
"""Write text with a trained run; see `scripts/sample.py --help`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from experiments.commands.entry import run

if __name__ == "__main__":
    run("sample")
