"""Hydra's own YAML files, masked where they lie."""

from pathlib import Path

from omegaconf import OmegaConf

from experiments.commands.hydra.mask_files import mask_files


def test_files_are_masked_where_they_lie(tmp_path: Path) -> None:
    folder = tmp_path / ".hydra"
    folder.mkdir()
    config = {
        "tracking": {"uri": "http://ada:it's p@ss/word@host", "${now}": "${oc.env:HOME}"},
        "api_key": "'quoted' {value",
        "text": "1e-3",
        "number": 1e-3,
        "missing": "???",
    }
    OmegaConf.save(OmegaConf.create(config), folder / "config.yaml")
    (folder / "overrides.yaml").write_text("- seed=1\n- '+token=a b'\n")
    (folder / "numbers.npz").write_bytes(b"\xff\xfe://a:b@c")
    quiet = tmp_path / "multirun.yaml"
    quiet.write_text("seed:   1\n")
    before = quiet.stat().st_mtime_ns
    mask_files(folder, quiet, tmp_path / "nowhere")
    loaded = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    safe = {**config, "api_key": "***"}
    safe["tracking"] = {"uri": "http://ada:***@host", "${now}": "${oc.env:HOME}"}
    assert loaded == safe
    assert (folder / "overrides.yaml").read_text() == "- seed=1\n- +token=***\n"
    assert (folder / "numbers.npz").read_bytes() == b"\xff\xfe://a:b@c"
    assert quiet.stat().st_mtime_ns == before
    assert len(list(folder.iterdir())) == 3
