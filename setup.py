"""Pack the configuration files and the README; pyproject.toml says everything else.

`conf` lies at the top of the checkout, where users edit it, and not in a package, so setuptools
would leave it out. An editable installation has no copy: it uses the checkout's own.

A package index shows the README without the files beside it. Its links lead to the address in the
environment variable DESCENT_SOURCE_URL, under which a forge shows the files of this version;
without one, a link becomes its text with the file's path, and pictures are left out.
"""

import os
import re
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


def description(readme: str, address: str) -> str:
    """Return the README's text for readers who have no other file of the project."""
    picture = re.compile(r"!\[([^]]*)\]\((?!https?:)([^)#]+)\)\n*")
    link = re.compile(r"(?<!!)\[([^]]*)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")
    if address:
        address = address.rstrip("/")
        raw = address.replace("/blob/", "/raw/")
        readme = picture.sub(rf"![\1]({raw}/\2)\n\n", readme)
        return link.sub(rf"[\1]({address}/\2\3)", readme)

    def words(match: re.Match[str]) -> str:
        text, path = match[1], match[2]
        return f"`{path}`" if text == path else f"{text} (`{path}`)"

    return link.sub(words, picture.sub("", readme))


setup(
    cmdclass={"build_py": BuildWithConf},
    long_description=description(
        Path("README.md").read_text(encoding="utf-8"), os.environ.get("DESCENT_SOURCE_URL", "")
    ),
    long_description_content_type="text/markdown",
)
