"""Counters of mail and sessions to next hops (features 13.08)."""

from mailcordon.act.counters import OutgoingCounters


def test_names_and_sum() -> None:
    """Features 13.08: the figures of a real host; each MAIL is on a new session, or on one that was kept."""
    counters = OutgoingCounters(messages=2764, new=2764, reuse_recent=21, reuse_refreshed=31, reuse_fail=7, quit=2521)
    assert counters.by_name() == {
        "OutMsgs": 2764,
        "OutConnNew": 2764,
        "OutConnReuseRecent": 21,
        "OutConnReuseRefreshed": 31,
        "OutConnReuseFail": 7,
        "OutConnTransact": 2816,
        "OutConnQuit": 2521,
        "OutMsgsSubmitNotif": 0,
        "OutMsgsSubmitNotifFails": 0,
    }
