"""Rates and percentages of counters (B17.07, features 15.01)."""

import pytest

from mailcordon.cli.stats import lines
from mailcordon.run.counter_bases import bases_of
from mailcordon.run.counter_directory import DaemonView
from mailcordon.run.rates import WINDOW, History, Rates


def view(started_at: float = 1000.0, pid: int = 7, **counters: float) -> DaemonView:
    return DaemonView(pid, started_at, "gate.example.test", "1.2", counters)


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("InMsgs", ("InMsgs",)),
        ("InMsgsInbound", ("InMsgs",)),
        ("InMsgsStatusRelayed", ("InMsgs",)),
        ("InMsgsStatusRelayedTaggedInbound", ("InMsgsStatusRelayedTagged", "InMsgsInbound")),
        ("InMsgsRecipsLocal", ("InMsgsRecips",)),
        ("InMsgsSizeOutbound", ("InMsgsSize",)),
        ("ContentSpamMsgsOpenRelay", ("ContentSpamMsgs", "InMsgsOpenRelay")),
        ("OutMsgsProtoSMTPRelay", ("OutMsgs",)),
        ("OutConnNew", ("OutConnTransact",)),
        ("QuarMsgs", ("InMsgs",)),
        ("QuarVirusMsgs", ("QuarMsgs",)),
        ("QuarVirusSize", ("QuarMsgsSize",)),
        ("OpsDecByzip", ("OpsDec",)),
        ("TimeElapsedSending", ("TimeElapsedTotal",)),
        ("virus.byname.Eicar", ("ContentVirusMsgs",)),
        ("SomethingElse", ("SomethingElse",)),
    ],
)
def test_bases(name: str, bases: tuple[str, ...]) -> None:
    assert bases_of(name) == bases


def test_rates_since_the_start_at_first() -> None:
    """Until half of the window is known."""
    history = History()
    assert history.rates(view(InMsgs=10), 1100.0).per_hour("InMsgs") == 360
    assert history.rates(view(InMsgs=20), 1100.0 + WINDOW / 2 - 1).seconds == 249


def test_rates_of_the_last_minutes() -> None:
    history = History()
    for minute in range(12):
        rates = history.rates(view(InMsgs=100.0 * minute**2, New=minute), 5000.0 + 60 * minute)
    assert rates.seconds == WINDOW
    assert rates.grown["InMsgs"] == 100 * (11**2 - 6**2)
    assert rates.per_hour("New") == 60
    assert rates.per_hour("Unknown") == 0


def test_another_daemon_has_a_history_of_its_own() -> None:
    """Features 15.03: after a restart nothing grows by less than nothing."""
    history = History()
    history.rates(view(InMsgs=1000), 2000.0)
    rates = history.rates(view(started_at=2990.0, pid=8, InMsgs=1), 3000.0)
    assert (rates.seconds, rates.per_hour("InMsgs")) == (10, 360)


def test_lines() -> None:
    """B17.07: the columns of amavisd-agent."""
    found = view(
        InMsgs=200,
        ContentCleanMsgs=150,
        InMsgsSize=3 * 1024 * 1024,
        TimeElapsedTotal=50_000,
        TimeElapsedSending=5000,
        ContentVirusMsgs=2,
        LogEntriesErr=0,
        **{"virus.byname.B": 1, "virus.byname.A": 2},
    )
    shown = list(lines(found, Rates(1800, found.counters), 1000.0 + 93_784))
    assert shown == [
        "sysDescr        STRING   mailcordon-1.2",
        "sysName         STRING   gate.example.test",
        "sysUpTime       Timeticks 9378400 (1 days, 2:03:04)",
        "",
        "InMsgs                                 200    400/h   100.0 % (InMsgs)",
        "ContentCleanMsgs                       150    300/h    75.0 % (InMsgs)",
        "InMsgsSize                               3MB      6MB/h   100.0 % (InMsgsSize)",
        "TimeElapsedTotal                        50 s    0.250 s/msg   100.0 % (TimeElapsedTotal)",
        "TimeElapsedSending                       5 s    0.025 s/msg    10.0 % (TimeElapsedTotal)",
        "ContentVirusMsgs                         2      4/h     1.0 % (InMsgs)",
        "",
        "virus.byname.A                           2      4/h   100.0 % (ContentVirusMsgs)",
        "virus.byname.B                           1      2/h    50.0 % (ContentVirusMsgs)",
    ]


def test_no_daemon() -> None:
    assert list(lines(None, Rates(0, {}), 0.0)) == ["no daemon is running"]
