"""White, black and soft lists (contract B3.21, B3.22; features 8.05, 8.06)."""

from collections.abc import Callable
from typing import Any

import pytest

from mailcordon.config.policy import policies_for_mail
from mailcordon.config.sender_rating import NEUTRAL, SenderRating
from mailcordon.config.settings import Settings
from mailcordon.mail.message import Mail

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
Rate = Callable[..., list[SenderRating]]

BOB, EVE = "bob@example.test", "eve@example.test"


@pytest.fixture
def rate(make_settings: MakeSettings, make_mail: MakeMail) -> Rate:
    """What Bob and Eve think of a mail from an envelope sender and authors."""

    def run(sender: str, authors: str, **settings: Any) -> list[SenderRating]:
        mail = make_mail(f"From: {authors}\r\n\r\nx\r\n".encode(), sender=sender, recipients=(BOB, EVE))
        return [policy.sender for policy in policies_for_mail(make_settings(**settings), mail)]

    return run


WHITE, BLACK = SenderRating(whitelisted=True), SenderRating(blacklisted=True)


@pytest.mark.parametrize(
    ("sender", "authors", "expected"),
    [
        ("x@a.test", "y@a.test", NEUTRAL),
        ("x@black.test", "y@a.test", BLACK),
        ("x@a.test", "y@black.test", BLACK),
        ("x@a.test", "y@a.test, Z <z@black.test>", BLACK),
        ("x@a.test", '"y@black.test" <y@a.test>', NEUTRAL),
        ("x@white.test", "y@a.test", WHITE),
        ("x@white.test", "y@black.test", SenderRating(whitelisted=True, blacklisted=True)),
        ("", "y@a.test", NEUTRAL),
    ],
)
def test_every_address_of_the_sender_counts(rate: Rate, sender: str, authors: str, expected: SenderRating) -> None:
    """Features 6.15, 8.05, contract B3.21: the envelope sender and each author; both lists may hit."""
    ratings = rate(sender, authors, blacklist_sender=["black.test"], whitelist_sender=["white.test"])
    assert ratings == [expected, expected]


def test_several_from_fields(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 8.05: a second From field hides nobody."""
    mail = make_mail(b"From: a@a.test\r\nFrom: b@black.test\r\n\r\nx\r\n")
    (policy,) = policies_for_mail(make_settings(blacklist_sender=["black.test"]), mail)
    assert policy.sender == BLACK


def test_lists_of_one_recipient(rate: Rate) -> None:
    """Contract B3.21: by recipient first; the others do not mind."""
    own: Any = {"hash": {EVE: {"hash": {"boss@a.test": True}}}}
    assert rate("x@a.test", "boss@a.test", per_recip_blacklist_sender_lookup_tables=own) == [NEUTRAL, BLACK]
    assert rate("x@a.test", "boss@a.test", per_recip_whitelist_sender_lookup_tables=own) == [NEUTRAL, WHITE]
    assert rate("x@a.test", "other@a.test", per_recip_whitelist_sender_lookup_tables=own) == [NEUTRAL, NEUTRAL]


def test_example_of_the_specification(rate: Rate) -> None:
    """Features 8.06, 10.04: `{ '.' => [-1.8] }` counts once however many addresses the sender has."""
    assert rate("x@a.test", "y@b.test", score_sender={"hash": {".": -1.8}}) == [SenderRating(points=-1.8)] * 2


SOFT: Any = {
    "hash": {
        ".": [{"hash": {"a.test": 1.5, ".": 0.1}}],
        EVE: [{"hash": {"x@a.test": -3, ".test": 2}}],
    }
}


@pytest.mark.parametrize(
    ("sender", "authors", "bob", "eve"),
    [
        ("x@a.test", "x@a.test", 1.5, -1.5),
        ("x@a.test", "y@b.test", 1.6, 0.6),  # contract B21.07: the author's points count beside the sender's
        ("x@c.example", "x@c.example", 0.1, 0.1),
        ("", "y@a.test", 1.6, 3.6),
    ],
)
def test_soft_lists_add_up(rate: Rate, sender: str, authors: str, bob: float, eve: float) -> None:
    """Contract B3.22: all entries for the recipient count, inside each the first match for the sender."""
    points = [rating.points for rating in rate(sender, authors, score_sender=[SOFT])]
    assert points == pytest.approx([bob, eve])


def test_nothing_is_read_without_lists(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """As packaged the lists are empty and cost nothing: the header is not even looked at."""
    mail = make_mail(b"From: a@a.test\r\n\r\nx\r\n")
    (policy,) = policies_for_mail(make_settings(), mail)
    assert policy.sender is NEUTRAL
    assert "fields" not in vars(mail.header)
