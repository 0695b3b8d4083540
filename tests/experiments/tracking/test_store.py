"""The SQLite database, which is created once."""

from pathlib import Path

from experiments.tracking import store


def test_what_a_killed_process_left_of_a_database_is_cleared(tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    database.write_text("the database")
    left = [".runs.db.0123abcd.tmp", ".runs.db.0123abcd.tmp-journal", ".runs.db.89abcdef.tmp"]
    others = ["other.db", ".runs.db.lock", ".runs.db.tmp", ".other.db.0123abcd.tmp", "runs.db-wal"]
    for name in (*left, *others):
        (tmp_path / name).write_text(name)
    store._make_database(database)
    assert {path.name for path in tmp_path.iterdir()} == {"runs.db", *others}
    assert database.read_text() == "the database"


def test_a_database_that_another_process_is_making_stays(tmp_path: Path) -> None:
    """It holds the lock; this process waits, and then there is nothing to clear."""
    from threading import Thread

    from experiments.files.locks import locked

    database = tmp_path / "runs.db"
    unfinished = tmp_path / ".runs.db.0123abcd.tmp"
    unfinished.write_text("the database")
    with locked(store.lock_of(f"sqlite:///{database}")):
        other = Thread(target=store._make_database, args=[database])
        other.start()
        other.join(0.2)
        assert unfinished.exists()
        unfinished.replace(database)
    other.join()
    assert database.read_text() == "the database"
