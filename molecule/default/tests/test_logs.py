"""Logs after a run without outages: checklist 8, 24. Runs before the outages, by its name."""

from end_to_end.gateway import Gateway

COMPLAINTS = r"permission denied|connection refused|unknown mail transport|no such file|traceback|mail for .* loops"
UNITS = ["mailcordon.service", "mailcordon.socket", "clamav-daemon.service", "postfix.service", "postfix@-.service"]


def test_logs_are_free_of_complaints(gateway: Gateway) -> None:
    """Checklist 8 and 24, since the last start of the filter, in the journals of all parts."""
    since = gateway.host.check_output("systemctl show -p ActiveEnterTimestamp --value mailcordon.service")
    units = " ".join(f"-u {unit}" for unit in UNITS)
    found = gateway.host.run(
        f"journalctl -q --no-pager -o short {units} --since '{since}' | grep -iE '{COMPLAINTS}'"
    ).stdout
    assert found == ""


def test_queue_is_empty(gateway: Gateway) -> None:
    """Checklist 8: the queue drains."""
    queue = gateway.flush_until(
        "an empty queue", lambda: "empty" in gateway.host.check_output("postqueue -p"), timeout=30
    )
    assert queue
