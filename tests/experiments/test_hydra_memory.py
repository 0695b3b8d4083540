"""Hydra composes the same whether or not it remembers what it has read."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = f"""
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from experiments.hydra_memory import have_hydra_remember

COMMANDS = [
    [],
    ["optimizer=muon", "dataset=moons", "optimizer.lr=0.5"],
    ["experiment=xor", "hydra.sweep.dir=elsewhere"],
    ["optimizer=muon", "schedule=cosine"],
]
with initialize_config_dir({str(ROOT / "conf")!r}, version_base="1.3"):
    def composed():
        return [compose("config", c, return_hydra_config=True) for c in COMMANDS]
    before = composed()
    have_hydra_remember()
    for _ in range(2):
        after = composed()
        assert [OmegaConf.to_container(c) for c in after] == [
            OmegaConf.to_container(c) for c in before
        ]
        for config in after:  # what is done to one is not in the next
            config.optimizer.lr = 1000
            config.hydra.help.app_name = "changed"
print("the same")
"""


def test_a_file_is_read_once_and_each_composition_has_its_own_copy(tmp_path: Path) -> None:
    """In a process of its own: it is the classes of Hydra that are changed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "the same\n", done.stderr
