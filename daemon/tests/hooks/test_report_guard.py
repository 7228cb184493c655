"""Nobody is reported twice within the window (features 6.11)."""

import sqlite3
import threading
from pathlib import Path

import pytest

from mailcordon.errors import HookError
from mailcordon.hooks.report_guard import ReportGuard
from mailcordon.mail.feedback import FeedbackReport, FeedbackType


def about(address: str, recipient: str = "abuse@isp.example") -> FeedbackReport:
    return FeedbackReport(FeedbackType.ABUSE, recipient, source_address=address)


def guard(tmp_path: Path, *, interval: float = 3600, per_hour: int = 5) -> ReportGuard:
    return ReportGuard(tmp_path / "db" / "reports.sqlite", interval=interval, per_hour=per_hour)


def age(tmp_path: Path, seconds: float) -> None:
    """Let time pass for what is in the database."""
    with sqlite3.connect(tmp_path / "db" / "reports.sqlite") as connection:
        connection.execute("UPDATE report SET reported_at = reported_at - ?", (seconds,))
    connection.close()


def test_second_report(tmp_path: Path) -> None:
    """Neither the same abuser to anybody, nor anything to the same contact; another party's report is sent."""
    guard(tmp_path).admit(about("192.0.2.7"))
    # A new guard: what was reported outlives workers and restarts.
    again = guard(tmp_path)
    with pytest.raises(HookError, match=r"^abuse@isp.example was reported within the last 3600 s$"):
        again.admit(about("192.0.2.8", "Abuse@ISP.example"))
    with pytest.raises(HookError, match=r"^192.0.2.7 was reported"):
        again.admit(about("192.0.2.7", "abuse@other.example"))
    again.admit(about("192.0.2.8", "abuse@other.example"))


def test_after_the_window(tmp_path: Path) -> None:
    """Once the window is over the party may be reported again."""
    guard(tmp_path).admit(about("192.0.2.7"))
    age(tmp_path, 3599)
    with pytest.raises(HookError):
        guard(tmp_path).admit(about("192.0.2.7"))
    age(tmp_path, 2)
    guard(tmp_path).admit(about("192.0.2.7"))


def test_rate_of_all(tmp_path: Path) -> None:
    """Only so many reports an hour, whomever they are about; what is older does not count, though it is remembered."""
    strict = guard(tmp_path, interval=7200, per_hour=2)
    for number in range(2):
        strict.admit(about(f"192.0.2.{number}", f"abuse@{number}.example"))
    with pytest.raises(HookError, match="2 reports were sent within the last hour"):
        strict.admit(about("192.0.2.9", "abuse@9.example"))
    age(tmp_path, 3601)
    strict.admit(about("192.0.2.9", "abuse@9.example"))
    with pytest.raises(HookError, match=r"abuse@0.example was reported"):
        strict.admit(about("192.0.2.0", "abuse@0.example"))


def test_none_at_all(tmp_path: Path) -> None:
    """A limit of 0 switches reports off."""
    with pytest.raises(HookError, match="0 reports were sent"):
        guard(tmp_path, per_hour=0).admit(about("192.0.2.7"))


def test_report_that_could_not_be_sent(tmp_path: Path) -> None:
    """It does not count."""
    ours = guard(tmp_path)
    ours.withdraw(ours.admit(about("192.0.2.7")))
    ours.admit(about("192.0.2.7"))


def test_workers_at_the_same_time(tmp_path: Path) -> None:
    """Of several that report the same party at once, one is admitted."""
    admitted, refused = [], []
    barrier = threading.Barrier(8)

    def report() -> None:
        barrier.wait()
        try:
            admitted.append(guard(tmp_path).admit(about("192.0.2.7")))
        except HookError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=report) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 1
    assert len(refused) == 7


@pytest.mark.parametrize("is_directory", [True, False])
def test_broken_database(tmp_path: Path, is_directory: bool) -> None:
    """Without it nobody knows what was reported: nothing is sent, and one line says why."""
    path = tmp_path / "db" / "reports.sqlite"
    path.parent.mkdir()
    if is_directory:
        path.mkdir()
    else:
        path.write_bytes(b"this is no database" * 100)
    with pytest.raises(HookError, match=r"reports.sqlite: .") as caught:
        guard(tmp_path).admit(about("192.0.2.7"))
    assert "\n" not in str(caught.value)
