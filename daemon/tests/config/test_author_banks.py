"""Policy banks by author (contract B4.05, B3.09; features 9.05 to 9.13, 10.02 to 10.07, 5.40)."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from mailcordon.config.author_banks import AUTHOR_APPROVED, author_banks, virus_banks
from mailcordon.config.load import load, packaged_directory
from mailcordon.config.lookup import Lookup
from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.policy import policy_for
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Recipient
from mailcordon.mail.message import Mail
from mailcordon.mail.signature import Signature

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
Banks = Callable[..., tuple[str, ...]]


def by(domain: str, **more: Any) -> Signature:
    """A valid signature of a domain."""
    return Signature(**{"domain": domain, "is_valid": True, "key_bits": 2048, **more})


def with_signatures(mail: Mail, signatures: Iterable[Signature]) -> Mail:
    """The mail as it is after its signatures were verified."""
    return Mail(
        **{name: getattr(mail, name) for name in Mail.__slots__ if name != "signatures"}, signatures=tuple(signatures)
    )


@pytest.fixture
def banks(make_settings: MakeSettings, make_mail: MakeMail) -> Banks:
    """The banks of a mail by From, signatures and the lookup."""

    def run(authors: str, signatures: Iterable[Signature], lookup: Any, **settings: Any) -> tuple[str, ...]:
        made = make_settings(author_to_policy_bank=lookup, **settings)
        mail = make_mail(f"From: {authors}\r\n\r\nx\r\n".encode())
        return author_banks(made, with_signatures(mail, signatures))

    return run


@pytest.mark.parametrize(
    ("key", "author", "signer", "loaded"),
    [
        # features 9.05: the author's own signature
        ("example.com", "user@example.com", "example.com", True),
        ("user@example.com", "USER@Example.Com", "EXAMPLE.com", True),
        ("example.com", "user@example.com", "lists.example", False),
        ("example.com", "user@sub.example.com", "sub.example.com", False),
        # features 9.06, 9.12: third party
        ("./@lists.example", "user@example.com", "lists.example", True),
        ("./@lists.example", "anybody@elsewhere.test", "Lists.Example", True),
        ("./@lists.example", "user@example.com", "example.com", False),
        ("example.com/@lists.example", "user@example.com", "lists.example", True),
        ("user@/@lists.example", "user+x@example.com", "lists.example", True),
        ("user@example.com/@lists.example", "user@example.com", "other.example", False),
        # features 9.08, 9.09: the long form says the same
        ("example.com/@example.com", "user@example.com", "example.com", True),
        # features 9.10: subdomains signed by themselves, the parent included
        (".example.com", "user@sub.example.com", "sub.example.com", True),
        (".example.com", "user@example.com", "example.com", True),
        (".example.com", "user@sub.example.com", "example.com", False),
        # features 9.11: subdomains signed by the parent
        (".example.com/@example.com", "user@sub.example.com", "example.com", True),
        (".example.com/@example.com", "user@sub.example.com", "sub.example.com", False),
        # ASCII form
        ("./@xn--exmple-cua.test", "user@example.com", "exämple.test", True),
    ],
)
def test_keys(banks: Banks, key: str, author: str, signer: str, loaded: bool) -> None:
    """Contract B3.09, B4.05; features 9.05, 9.06, 9.08 to 9.12."""
    found = banks(author, [by(signer)], {"hash": {key: "OWN"}}, recipient_delimiter="+")
    assert found == (("OWN",) if loaded else ())


@pytest.mark.parametrize(
    ("author", "identity", "loaded"),
    [
        ("user@sub.example.com", "@sub.example.com", True),
        ("user@sub.example.com", "user@sub.example.com", True),
        ("user@sub.example.com", "other@sub.example.com", False),
        ("user@sub.example.com", "@example.com", False),
        ("user@sub.example.com", "", False),
    ],
)
def test_identity(banks: Banks, author: str, identity: str, loaded: bool) -> None:
    """Features 9.05: the signing identity must be the author, or everybody in his domain."""
    found = banks(author, [by("example.com", identity=identity)], {"hash": {".example.com": "OWN"}})
    assert found == (("OWN",) if loaded else ())


class _Untouched(Lookup[Any]):
    def at(self, key: LookupKey) -> Any:
        raise AssertionError(f"asked about {key.address}")


@pytest.mark.parametrize(
    "signatures",
    [[], [by("example.com", key_bits=1023)], [by("example.com", key_bits=0)], [by("example.com", is_valid=False)]],
)
def test_without_a_valid_signature_nobody_is_looked_up(
    banks: Banks, make_settings: MakeSettings, make_mail: MakeMail, signatures: list[Signature]
) -> None:
    """Features 10.02, contract B4.05: none, one of a short key, one that is not valid. The twin is `test_keys`."""
    settings = make_settings(author_to_policy_bank={"hash": {".": "OWN"}})
    settings = settings.model_copy(update={"author_to_policy_bank": _Untouched(settings.author_to_policy_bank.tables)})
    mail = with_signatures(make_mail(b"From: user@example.com\r\n\r\nx\r\n"), signatures)
    assert author_banks(settings, mail) == ()
    with pytest.raises(AssertionError, match=r"user@example\.com"):
        author_banks(settings, with_signatures(mail, [by("example.com")]))


def test_key_bits_are_configurable(banks: Banks) -> None:
    """Contract B4.05."""
    weak = [by("example.com", key_bits=512)]
    assert banks("a@example.com", weak, ["."]) == ()
    assert banks("a@example.com", weak, {"hash": {".": "OWN"}}, dkim_minimum_key_bits=512) == ("OWN",)


def test_several_names_and_authors(banks: Banks) -> None:
    """Features 9.07, 10.02: each author is looked up; names load in order, each once; the plain key comes first."""
    lookup = {
        "hash": {
            "a@one.test": "FIRST, SECOND",
            "two.test": "SECOND,THIRD",
            "./@one.test": "FOURTH",
        }
    }
    signatures = [by("one.test"), by("two.test")]
    assert banks("A <a@one.test>, b@two.test", signatures, lookup) == ("FIRST", "SECOND", "FOURTH", "THIRD")
    assert banks("a@one.test", signatures[:1], lookup) == ("FIRST", "SECOND", "FOURTH")


@pytest.mark.parametrize(
    ("lookup", "expected"),
    [
        (["example.com"], (AUTHOR_APPROVED,)),
        (["example.com/@example.com"], (AUTHOR_APPROVED,)),
        ([".com/@example.com"], (AUTHOR_APPROVED,)),
        (["example.com/@other.test"], ()),
        (["!example.com", "!./@example.com", "."], ()),
        ({"regexp": [["@example\\.com$", "RE"]]}, ("RE",)),
        ({"regexp": [["@example\\.com/@example\\.com$", "RE"]]}, ("RE",)),
        ({"hash": {"example.com": True}}, (AUTHOR_APPROVED,)),
        ({"hash": {"example.com": "1"}}, (AUTHOR_APPROVED,)),
        ({"hash": {"example.com": "0"}}, ()),
        ([{"hash": {"example.com": "undef"}}, {"hash": {".": "NEXT"}}], ("NEXT",)),
    ],
)
def test_every_kind_of_table(banks: Banks, lookup: Any, expected: tuple[str, ...]) -> None:
    """Contract B3.09: a plain yes, as access lists give it, stands for AUTHOR_APPROVED."""
    assert banks("user@example.com", [by("example.com")], lookup) == expected


@pytest.mark.parametrize("value", ["two words", "A/B", "A,,B", 5])
def test_bad_names_are_refused(make_settings: MakeSettings, value: object) -> None:
    """One line, at the start."""
    with pytest.raises(ValueError, match="author_to_policy_bank"):
        make_settings(author_to_policy_bank={"hash": {".": value}})


def test_banks_are_loaded_on_top(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B4.02, B4.03: after those of the interface; one that is not defined is ignored; the map may come from a
    bank itself (features 10.02)."""
    settings = make_settings(
        policy_bank={
            "PORT": {"author_to_policy_bank": {"hash": {"example.com": "NO_SUCH,OWN"}}},
            "OWN": {"spam_kill_level": 12.0, "originating": True},
        }
    )
    made = PolicyBanks(settings)
    signed = with_signatures(make_mail(b"From: user@example.com\r\n\r\nx\r\n"), [by("example.com")])
    assert author_banks(made.base, signed) == ()
    at_port = made.with_more(signed.session, ["PORT"])
    session = made.with_more(at_port, author_banks(made.of(at_port), signed))
    assert (session.policy_banks, session.originating) == (("PORT", "OWN"), True)
    assert policy_for(made.of(session), Recipient("bob@example.test")).spam_kill_level == 12
    assert signed.session.policy_banks == ()


def test_envelope_sender_signature(make_mail: MakeMail) -> None:
    """Features 9.13: a valid signature of the domain of the envelope sender."""
    mail = make_mail(b"From: a@b.test\r\n\r\n", sender="bounce@Example.com")
    assert with_signatures(mail, [by("x.test"), by("EXAMPLE.com")]).dkim_envsender_sig
    assert not with_signatures(mail, [by("example.com", is_valid=False)]).dkim_envsender_sig
    assert not with_signatures(mail, [by("sub.example.com")]).dkim_envsender_sig
    assert not with_signatures(make_mail(b"\r\n", sender=""), [by("")]).dkim_envsender_sig


def test_banks_by_virus(make_settings: MakeSettings) -> None:
    """Contract B4.03, B14.05: by name of what was found; a plain yes stands for VIRUS."""
    lookup = [{"regexp": [["^Win\\.", True], ["^Phish", "PHISHING,VIRUS"]]}]
    settings = make_settings(virus_name_to_policy_bank=lookup)
    assert virus_banks(settings, ("Win.Test", "Phish.A", "Other")) == ("VIRUS", "PHISHING")
    assert virus_banks(settings, ("Other",)) == ()
    assert virus_banks(make_settings(), ("Win.Test",)) == ()


@pytest.fixture
def examples(tmp_path: Path) -> Settings:
    """The commented examples of the packaged fragment, without their comment marks."""
    text = (packaged_directory() / "40-policy_banks.toml").read_text()
    lines = re.findall(r"^# ((?:\[policy_bank\.|\[author_to|[a-z\"].* = ).*)$", text, re.MULTILINE)
    (tmp_path / "50-user.toml").write_text('myhostname = "gate.example.com"\n' + "\n".join(lines))
    return load((tmp_path,)).settings


def test_examples_of_banks(examples: Settings) -> None:
    """Features 10.04 to 10.07: each example loads and does what its name says."""
    made = PolicyBanks(examples)
    bob = Recipient("bob@example.com")

    def under(name: str) -> tuple[Settings, Any]:
        settings = made.load(made.at_interface(None, None), [name]).settings
        return settings, policy_for(settings, bob)

    _, plain = under("NO_SUCH")
    _, white = under("WHITELIST")
    assert (white.bypass_spam_checks, white.loves(Category(Major.SPAM)), white.wants_spam_score) == (True, True, False)
    _, mild = under("MILD_WHITELIST")
    assert (mild.sender.points, plain.sender.points) == (-1.8, 0)
    settings, no_virus = under("NOVIRUSCHECK")
    assert (no_virus.bypass_virus_checks, no_virus.loves(Category(Major.VIRUS))) == (True, True)
    assert (settings.bypass_decode_parts, examples.bypass_decode_parts) == (True, False)
    _, no_banned = under("NOBANNEDCHECK")
    assert (no_banned.bypass_banned_checks, no_banned.loves(Category(Major.BANNED))) == (True, True)
    assert not any(plain.loves(Category(major)) for major in (Major.SPAM, Major.VIRUS, Major.BANNED))


@pytest.mark.parametrize(
    ("author", "signer", "expected"),
    [
        ("a@bank.example", "bank.example", ("WHITELIST",)),
        ("a@sub.bank.example", "sub.bank.example", ()),
        ("a@eu.shop.example", "eu.shop.example", ("WHITELIST",)),
        ("a@eu.shop.example", "shop.example", ("WHITELIST",)),
        ("a@anywhere.test", "lists.example", ("MILD_WHITELIST",)),
        ("a@partner.example", "partner.example", ("MILD_WHITELIST", "NOBANNEDCHECK")),
        ("a@partner.example", "evil.test", ()),
    ],
)
def test_examples_of_authors(
    examples: Settings,
    make_settings: MakeSettings,
    make_mail: MakeMail,
    author: str,
    signer: str,
    expected: tuple[str, ...],
) -> None:
    """Features 5.40, 10.03: the mechanism ships with an example only, which works once it is switched on."""
    mail = with_signatures(make_mail(f"From: {author}\r\n\r\nx\r\n".encode()), [by(signer)])
    assert author_banks(examples, mail) == expected
    assert not make_settings().author_to_policy_bank.tables
