"""The ledger notices what must never happen: otherwise the campaign could not fail."""

from pathlib import Path

from faults.ledger import Kind, Ledger, Message

RELAYED = "250 2.6.0 Ok, id=1-01, from MTA(smtp:[127.0.0.1]:25): 250 2.0.0 Ok"
DISCARDED = "250 2.7.0 Ok, discarded, id=1-01 - INFECTED: x"


def relayed(ledger: Ledger, kind: Kind = Kind.CLEAN) -> Message:
    """A message that has arrived, and whose client knows."""
    message = ledger.new(kind)
    ledger.deliver(message.octets())
    ledger.acknowledge(message, RELAYED)
    return message


def test_what_is_right_is_not_complained_about(tmp_path: Path) -> None:
    """The twin of all that follows."""
    ledger = Ledger()
    relayed(ledger)
    ledger.new(Kind.ABANDONED)
    infected = ledger.new(Kind.INFECTED)
    (tmp_path / "virus-1").write_bytes(b"X-Quarantine-ID: <1>\r\n" + infected.octets())
    ledger.acknowledge(infected, DISCARDED)
    ledger.take_in(tmp_path)
    assert list(ledger.wrong()) == []
    assert ledger.summary().startswith("2 sent = 1 delivered + 1 quarantined; 0 duplicates")


def test_lost() -> None:
    """Acknowledged, and nowhere."""
    ledger = Ledger()
    ledger.acknowledge(ledger.new(Kind.CLEAN), RELAYED)
    ledger.acknowledge(ledger.new(Kind.INFECTED), DISCARDED)
    assert list(ledger.wrong()) == [
        f"clean message 0 is not at the next hop, but was acknowledged with {RELAYED!r}",
        "clean message 0 is lost",
        "infected message 1 is lost",
    ]


def test_not_acknowledged_or_refused() -> None:
    """Still with its sender when all should be done; or given back to him for no reason."""
    ledger = Ledger()
    ledger.new(Kind.CLEAN)
    ledger.refuse(ledger.new(Kind.INFECTED), "554 5.7.0 no")
    assert list(ledger.wrong()) == [
        "infected message 1 was refused for good: '554 5.7.0 no'",
        "clean message 0 is still with its sender",
        "infected message 1 is lost",
    ]


def test_duplicates_are_for_lost_replies_only() -> None:
    """One more for each; not two."""
    ledger = Ledger()
    message = relayed(ledger)
    ledger.deliver(message.octets())
    assert list(ledger.wrong()) == ["clean message 0 is there 2 times, but only 0 replies were lost"]
    message.replies_lost = 1
    assert list(ledger.wrong()) == []


def test_virus_that_passes_and_innocent_that_is_kept(tmp_path: Path) -> None:
    """Design rule 2."""
    ledger = Ledger()
    for kind in (Kind.INFECTED, Kind.SPAM, Kind.ABANDONED):
        ledger.deliver(ledger.new(kind).octets())
    clean = ledger.new(Kind.RATED)
    (tmp_path / "virus-1").write_bytes(clean.octets())
    ledger.take_in(tmp_path)
    assert ledger.problems == [
        "infected message 0 reached the next hop",
        "spam message 1 reached the next hop",
        "abandoned message 2 reached the next hop",
        "rated message 3 was quarantined as virus-1",
    ]


def test_changed_and_unknown() -> None:
    """Octets are sacred."""
    ledger = Ledger()
    message = ledger.new(Kind.CLEAN)
    octets = message.octets()
    ledger.deliver(b"Received: from a\r\n" + octets)
    assert ledger.problems == []
    ledger.deliver(octets + b"\r\n")
    ledger.deliver(b"Subject: whose is it\r\n\r\n")
    assert [problem.partition(" of ")[0] for problem in ledger.problems] == [
        "clean message 0 reached the next hop with another body",
        "the next hop got something unknown: b'Subject: whose is it\\r\\n\\r\\n'",
    ]
