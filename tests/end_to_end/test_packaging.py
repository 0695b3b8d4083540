"""The project as others get it: its lock file, its environment and its wheel."""

import email
import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from experiments.commands.entry import COMMANDS
from experiments.program import VERSION
from experiments.runs.find import find_records
from tests.end_to_end.command_line import ROOT, environment


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def lock() -> str:
    return (ROOT / "requirements.lock").read_text()


def entries(lock: str) -> list[str]:
    """The lock file's requirements, each with the lines that belong to it."""
    return re.findall(r"^(?=[a-z0-9])(?:.+\n(?:[ ].*\n)*)", lock, re.MULTILINE | re.IGNORECASE)


def test_lock_holds_every_requirement_at_a_version_that_fits(project: dict, lock: str) -> None:
    locked: dict[str, list[str]] = {}
    for entry in entries(lock):
        name, version = re.match(r"([^=\s]+)==([^ ]+)", entry).groups()
        locked.setdefault(canonicalize_name(name), []).append(version)
    extras = project["project"]["optional-dependencies"]
    wanted = [
        *project["project"]["dependencies"],
        *(text for extra in extras.values() for text in extra),
        *project["build-system"]["requires"],
    ]
    for text in wanted:
        requirement = Requirement(text)
        if requirement.name == project["project"]["name"]:
            assert requirement.extras <= extras.keys(), text
            continue
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, f"{text} is not in requirements.lock: make lock"
        for version in versions:
            assert requirement.specifier.contains(version), f"{text} but {version} is locked"


def test_lock_has_a_hash_for_everything_and_names_no_place(lock: str) -> None:
    found = entries(lock)
    assert len(found) > 50
    for entry in found:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry
    assert "://" not in lock
    assert not re.search(r"(?<![\w.])/\w", lock), "a path of somebody's machine"
    assert "--index-url" not in lock
    assert "--find-links" not in lock


def test_hydra_plugins_is_a_namespace() -> None:
    assert not (ROOT / "src/hydra_plugins/__init__.py").exists()


BESIDE_SRC = (
    *(".ci", "conf", "docs", "scripts", "tests"),
    *("CITATION.cff", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "Makefile", "README.md"),
    *("pyproject.toml", "requirements.lock", "run.py", "setup.py"),
)
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from it."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    ignored = shutil.ignore_patterns("*.egg-info", "__pycache__", ".hypothesis")
    for name in ("src", *BESIDE_SRC):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    program = f"from setuptools.build_meta import build_sdist; build_sdist({str(built)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=source, check=True, capture_output=True)
    (archive,) = built.glob("descent_lab-*.tar.gz")
    subprocess.run(
        [*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", str(built), str(archive)],
        check=True,
    )
    return built


@pytest.fixture(scope="module")
def fresh(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel, and this one's other packages."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    (wheel,) = built.glob("*.whl")
    install = ["--python", str(programs / "python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*PIP, *install, str(wheel)], check=True)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.check_output([str(programs / "python"), "-c", where], text=True)
    packages = Path(found.strip())
    # Named in a .pth file, that folder's own .pth files are not read: no editable installation.
    (packages / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


def call(program: Path, *arguments: str, folder: Path) -> str:
    """Run an installed program in a folder; return what it prints."""
    env = {k: v for k, v in environment().items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def folder(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a sweep was trained in; another project's `conf` is there too."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "conf").mkdir()
    (folder / "conf" / "config.yaml").write_text("of: another project\n")
    command = ["-m", "dataset=iris", "optimizer=sgd,adam", "seed=range(3)", "training.epochs=3"]
    out = call(fresh / "descent", *command, folder=folder)
    assert "6 done" in out
    assert len(find_records(folder)) == 6
    assert find_records(folder)[0].command == shlex.join(["descent", *command])
    assert (folder / "mlflow.db").exists()
    return folder


@pytest.mark.slow
def test_source_distribution_holds_what_a_checkout_has(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    for name in BESIDE_SRC:
        files = [path for path in (ROOT / name).rglob("*") if path.is_file()] or [ROOT / name]
        kept = [path for path in files if not {"__pycache__", ".hypothesis"} & {*path.parts}]
        missing = {path.relative_to(ROOT).as_posix() for path in kept} - names
        assert not missing
    assert not any("__pycache__" in name for name in names)


@pytest.mark.slow
def test_wheel_holds_every_module_and_configuration(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    src, conf = ROOT / "src", ROOT / "conf"
    modules = {path.relative_to(src).as_posix() for path in src.rglob("*.py")}
    packages = {name.split("/")[0] for name in modules}
    assert packages == {"descent", "nn", "experiments", "hydra_plugins"}
    assert {name for name in packed if name.endswith(".py")} == modules
    choices = {f"experiments/conf/{p.relative_to(conf).as_posix()}" for p in conf.rglob("*.yaml")}
    assert {name for name in packed if name.endswith(".yaml")} == choices
    assert {"descent/py.typed", "nn/py.typed", "experiments/py.typed"} <= packed


@pytest.mark.slow
@pytest.mark.parametrize("address", ["", "https://forge.example/descent/lab/blob/v0.2.0"])
def test_links_of_the_description_work_without_the_files(tmp_path: Path, address: str) -> None:
    for name in ("LICENSE", "README.md", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "src").mkdir()
    program = (
        "from setuptools.build_meta import prepare_metadata_for_build_wheel as prepare\n"
        "prepare('.')"
    )
    env = environment() | {"DESCENT_SOURCE_URL": address}
    subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, check=True, capture_output=True
    )
    (metadata,) = tmp_path.glob("*.dist-info/METADATA")
    message = email.message_from_string(metadata.read_text(encoding="utf-8"))
    assert message["Description-Content-Type"] == "text/markdown"
    text = message.get_payload()
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert targets
    assert all(target.startswith(("https://", "http://")) for target in targets)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    paths = {path.partition("#")[0] for path in re.findall(r"\]\((?!https?:)([^)]+)\)", readme)}
    assert len(paths) > 10
    if address:
        raw = address.replace("/blob/", "/raw/")
        shown = {target.partition("#")[0] for target in targets}
        assert all({f"{address}/{path}", f"{raw}/{path}"} & shown for path in paths)
    else:
        assert all(path in text for path in paths if not path.endswith(".png"))
        assert "![" not in text


@pytest.mark.slow
class TestInstalledWheel:
    """The wheel in an environment of its own, in an empty folder: there is no checkout."""

    def test_packages_are_the_wheels(self, fresh: Path, folder: Path) -> None:
        program = (
            "import descent, experiments, nn, hydra_plugins\n"
            "from experiments.commands.hydra.locate import CONF\n"
            "print(descent.__file__, experiments.__file__, nn.__file__, CONF,"
            " hydra_plugins.__path__[0], sep='\\n')"
        )
        places = call(fresh / "python", "-c", program, folder=folder).splitlines()
        assert len(places) == 5
        assert all(Path(place).is_relative_to(fresh.parent) for place in places), places

    def test_commands_explain_themselves(self, fresh: Path, folder: Path) -> None:
        assert call(fresh / "descent", "--version", folder=folder) == f"descent {VERSION}\n"
        page = call(fresh / "descent", "--help", folder=folder)
        for command in COMMANDS:
            assert f"\n  descent {command}" in page
            usage = call(fresh / "descent", command, "--help", folder=folder)
            assert usage.startswith(f"usage: descent {command} ")
            assert f"\n    descent {command}" in usage
        assert 'eval "$(descent -sc install=bash)"' in page

    def test_the_shell_completes(self, fresh: Path, folder: Path) -> None:
        installed = call(fresh / "descent", "-sc", "install=bash", folder=folder)
        assert installed.rstrip().endswith("hydra_bash_completion descent")
        complete = """
            eval "$(descent -sc install=bash)"
            export COMP_LINE=$1 COMP_CWORD=1
            hydra_bash_completion
            echo "${COMPREPLY[@]}"
        """
        for typed, offered in [("optimizer=adad", "optimizer=adadelta"), ("pred", "predict")]:
            script = f"PATH={shlex.quote(str(fresh))}:$PATH; {complete}"
            line = f"descent {typed}"
            assert call(Path("bash"), "-c", script, "-", line, folder=folder) == f"{offered}\n"

    def test_the_same_command_again_trains_nothing(self, fresh: Path, folder: Path) -> None:
        command = ["dataset=iris", "optimizer=sgd", "seed=1", "training.epochs=3", "tracking=none"]
        assert "is finished already" in call(fresh / "descent", *command, folder=folder)

    def test_own_choices_come_by_config_dir(self, fresh: Path, folder: Path) -> None:
        (folder / "mine" / "optimizer").mkdir(parents=True)
        (folder / "mine" / "optimizer" / "fast_sgd.yaml").write_text("_target_: nn.SGD\nlr: 0.5\n")
        command = ["--config-dir", "mine", "optimizer=fast_sgd", "--cfg", "job"]
        assert "lr: 0.5" in call(fresh / "descent", *command, folder=folder)

    def test_runs_are_compared_and_drawn(self, fresh: Path, folder: Path) -> None:
        out = call(fresh / "descent", "compare", "multirun", folder=folder)
        assert "sgd" in out
        assert "Mean with its 95% interval over 3 seeds" in out
        call(fresh / "descent", "pictures", "multirun", "--output", "drawn", folder=folder)
        assert {"confusion.png", "norms.png"} <= {p.name for p in (folder / "drawn").iterdir()}

    def test_a_run_predicts(self, fresh: Path, folder: Path) -> None:
        record = find_records(folder)[0]
        features = json.loads((record.folder / "preprocessing.json").read_text())
        names = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
        assert all(name in json.dumps(features) for name in names)
        (folder / "new.csv").write_text(",".join(names) + "\n5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n")
        run = str(record.folder.relative_to(folder))
        predicted = call(fresh / "descent", "predict", run, "new.csv", folder=folder)
        assert len(predicted.splitlines()) == 3

    def test_five_lines_of_a_notebook(self, fresh: Path, folder: Path) -> None:
        # Without asking for __name__ == "__main__", which no notebook needs.
        (folder / "notebook.py").write_text(
            "import descent\n"
            'runs = descent.sweep("dataset=iris", "training.epochs=3", "tracking=none",\n'
            '                     optimizer=["sgd", "adam"], seed=range(4))\n'
            "print(len(runs.frame()), len(runs.curves()))\n"
            "print(runs.compare())\n"
            'runs.plot().savefig("curves.png")\n'
        )
        out = call(fresh / "python", "notebook.py", folder=folder)
        assert "6 of 8 runs are finished already" in out
        assert "\n8 32\n" in out
        assert "Mean with its 95% interval over 4 seeds" in out
        assert (folder / "curves.png").stat().st_size > 1000

    def test_mlflows_pages_open(self, fresh: Path, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        env = {k: v for k, v in environment().items() if k != "PYTHONPATH"}
        command = [str(fresh / "descent"), "ui", "--port", str(port)]
        with subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                lines = iter(process.stdout.readline, "")
                page = next(line for line in lines if f"http://127.0.0.1:{port}/#/" in line)
                assert page.startswith("  descent")
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/health", timeout=30
                ) as answer:
                    assert answer.status == 200
            finally:
                process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        with socket.socket() as gone:
            assert gone.connect_ex(("127.0.0.1", port)) != 0
