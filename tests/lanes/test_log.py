"""Step logs: bounded, and never a reason to fail."""

from pathlib import Path

from nbflow.lanes.log import StepLog


def test_c61_a_log_ends_at_its_limit_and_says_so(tmp_path: Path) -> None:
    log = StepLog(tmp_path / "a.log", limit=10)
    for _ in range(5):
        log.write(b"12345678")
    log.close()
    text = log.path.read_text()
    assert text.startswith("1234567812\n[nbflow: the log is full")
    assert text.count("full") == 1


def test_c62_text_that_is_not_unicode_is_kept(tmp_path: Path) -> None:
    log = StepLog(tmp_path / "deep" / "a.log")
    log.text("a\ud800b")
    assert log.tail() == "a?b"
    log.close()


def test_a_log_that_cannot_be_written_is_just_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = StepLog(tmp_path / "file" / "a.log")
    log.text("lost")
    assert log.tail() == ""
    log.close()
