"""An interrupt while Hydra composes."""

import subprocess
import sys
from pathlib import Path


def test_a_configuration_is_composed_before_an_interrupt_is_heard(tmp_path: Path) -> None:
    """Else OmegaConf would make an error of its own of it, which Hydra may go on after."""
    program = (
        "import os, signal\n"
        "from hydra._internal.config_loader_impl import ConfigLoaderImpl\n"
        "done = []\n"
        "def compose(loader, name, overrides):\n"
        "    for number in range(3):\n"
        "        if number == 1: os.kill(os.getpid(), signal.SIGINT)\n"
        "        done.append((name, overrides, number))\n"
        "    return 'composed'\n"
        "ConfigLoaderImpl.load_configuration = compose\n"
        "from experiments.commands.main import friendly_errors\n"
        "with friendly_errors():\n"
        "    try:\n"
        "        ConfigLoaderImpl.load_configuration(None, 'config', overrides=[])\n"
        "    except KeyboardInterrupt:\n"
        "        print(done)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    expected = [("config", [], number) for number in range(3)]
    assert done.stdout == f"{expected}\n", done.stderr
