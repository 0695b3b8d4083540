"""What the launcher asks the publishing process for."""

from pathlib import Path
from unittest import mock

import pytest

from experiments.commands.live_publishing import LivePublishing
from experiments.tracking.process import PublishingProcess
from tests.experiments.record_factory import make_record
from tests.experiments.small_runs import make_small_job


def test_only_runs_that_get_a_model_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = mock.create_autospec(PublishingProcess)
    monkeypatch.setattr(LivePublishing, "start", lambda _: process)
    losses = [0.5, 0.3, 0.4]
    records = [
        make_record(tmp_path / str(seed), seed=seed, summary={"best/val_loss": loss})
        for seed, loss in enumerate(losses)
    ]
    jobs = [make_small_job(record.folder, tracking__enabled=True) for record in records]
    LivePublishing(pytest.fail).publish_models(jobs, records, trusted=frozenset())
    ((_, folders), _) = process.publish_models.call_args
    assert folders == [records[1].folder]
