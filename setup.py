"""Pack the folder of configuration files into wheels; pyproject.toml says everything else.

`conf` lies at the top of the checkout, where users edit it, and not in a package, so setuptools
would leave it out. An editable installation has no copy: it uses the checkout's own.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConf(build_py):
    """Builds the packages, with `conf` inside `experiments`."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._conf_files():
                self.mkpath(str(target.parent))
                self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        outputs = list(super().get_outputs(include_bytecode))
        if not self.editable_mode:
            outputs += [str(target) for _, target in self._conf_files()]
        return outputs

    def _conf_files(self) -> list[tuple[Path, Path]]:
        top = Path("conf")
        packed = Path(self.build_lib, "experiments", "conf")
        return [(path, packed / path.relative_to(top)) for path in sorted(top.rglob("*.yaml"))]


setup(cmdclass={"build_py": BuildWithConf})
