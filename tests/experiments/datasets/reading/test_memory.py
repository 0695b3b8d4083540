"""What is left of the memory."""

import resource
from pathlib import Path

import pytest

from experiments.datasets.reading.memory import available_memory, require_memory, size
from experiments.errors import DataError

MEGABYTE = 2**20


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content + "\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    write(tmp_path / "proc", meminfo="MemTotal: 9000 kB\nMemAvailable:    4096 kB")
    return tmp_path / "proc"


def test_a_machine_without_groups(proc: Path, tmp_path: Path) -> None:
    assert available_memory(proc, tmp_path / "none") == 4 * MEGABYTE
    assert available_memory(tmp_path / "none", tmp_path / "none") is None


def test_the_tightest_group_counts_without_its_cached_files(proc: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups"
    write(proc / "self", cgroup="0::/batch/job")
    write(groups / "batch" / "job", memory__max="max", memory__current=str(MEGABYTE))
    write(
        groups / "batch",
        memory__max=str(3 * MEGABYTE),
        memory__current=str(2 * MEGABYTE),
        memory__stat=f"anon 1\ninactive_file {MEGABYTE // 2}\nactive_file 7",
    )
    assert available_memory(proc, groups) == MEGABYTE + MEGABYTE // 2 + 7


def test_groups_of_the_first_version(proc: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups"
    # In a container the path is that of the host, and only the top is seen.
    write(proc / "self", cgroup="5:cpu:/docker/1\n4:memory:/docker/1\n0::/")
    write(
        groups / "memory",
        memory__limit_in_bytes=str(2 * MEGABYTE),
        memory__usage_in_bytes=str(3 * MEGABYTE),
        memory__stat="total_inactive_file 5",
    )
    assert available_memory(proc, groups) == 0  # and not less


def test_the_limit_of_the_process(
    proc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 300 * resource.getpagesize()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    write(proc / "self", statm="100 50 1 1 0 1 0")
    assert available_memory(proc, tmp_path) == 200 * resource.getpagesize()


def test_what_is_not_there_is_refused() -> None:
    require_memory("x", 5, 5)
    require_memory("x", 5, None)
    with pytest.raises(DataError, match=r"^the {table} needs about 2 GB .*only 1\.5 MB"):
        require_memory("the {table}", 2e9, int(1.5e6))


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (3.3e9, "3.3 GB"), (2e15, "2e+03 TB")],
)
def test_sizes_for_people(count: float, text: str) -> None:
    assert size(count) == text
