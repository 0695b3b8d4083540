"""A copy of nn works under another name, beside the original or without it."""

import shutil
import subprocess
import sys
from pathlib import Path

import nn

PROGRAM = """
import sys
import numpy as np
from private.networks import Adam, MeanSquaredError, Network, OptimizerStack, mlp

network = Network(mlp([4], 1), 2, loss=MeanSquaredError())
optimizer = OptimizerStack([Adam()], network.layout, network.dtype)
network.backpropagate(np.ones((3, 2)), np.ones((3, 1)))
optimizer.step(network.parameters, network.gradients)
assert "nn" not in sys.modules
"""


def test_it_imports_itself_by_relative_names(tmp_path: Path) -> None:
    shutil.copytree(Path(nn.__file__).parent, tmp_path / "private" / "networks")
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, check=True, timeout=120)
