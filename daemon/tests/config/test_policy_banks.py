"""Policy banks: definition, order of loading, what they amount to (B4; features 10.01, 10.08, 10.09, 10.10)."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailcordon.config.bank import overlay, split_replace
from mailcordon.config.load import load
from mailcordon.config.policy import policy_for
from mailcordon.config.policy_banks import PolicyBanks, Regime
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.envelope import Recipient, Session

MakeSettings = Callable[..., Settings]
VIRUS, SPAM = Category(Major.VIRUS), Category(Major.SPAM)
INSIDE, OUTSIDE = "10.1.2.3", "192.0.2.7"
LOCAL_SENDER, FOREIGN_SENDER = "alice@example.test", "eve@elsewhere.test"


@pytest.fixture
def make_banks(make_settings: MakeSettings) -> Callable[..., PolicyBanks]:
    """Policy banks of settings whose own network is 10.0.0.0/8, and the local domain example.test."""

    def make(**settings: Any) -> PolicyBanks:
        checks = {"bypass_virus_checks": False, "bypass_spam_checks": False}
        return PolicyBanks(make_settings(**{**checks, "mynetworks": ["10.0.0.0/8"], **settings}))

    return make


def arrive(banks: PolicyBanks, port: int = 10024, client: str | None = OUTSIDE, sender: str = FOREIGN_SENDER) -> Regime:
    return banks.for_mail(banks.at_interface("127.0.0.1", port), client, sender)


def test_bank_of_the_port(make_banks: Callable[..., PolicyBanks]) -> None:
    """B4.03, B4.04, features 10.09: mail of the port 10026 is originating, at the other port it is not."""
    banks = make_banks(interface_policy={"10026": "ORIGINATING"})
    submitted, received = arrive(banks, port=10026), arrive(banks)
    assert (submitted.path, submitted.settings.originating) == (("ORIGINATING",), True)
    assert (received.path, received.settings.originating) == ((), False)
    assert received.settings is banks.base


@pytest.mark.parametrize(
    ("interfaces", "address", "port", "path", "expected"),
    [
        ({"10026": "A", "127.0.0.1:10026": "B"}, "127.0.0.1", 10026, None, ("A", "B")),
        ({"10026": "A", "[::1]:10026": "B"}, "::1", 10026, None, ("A", "B")),
        ({"10026": "A", "[::1]:10026": "B"}, "127.0.0.1", 10026, None, ("A",)),
        ({"SOCK": "A", "/run/filter.sock": "B"}, None, None, "/run/filter.sock", ("A", "B")),
        ({"SOCK": "A", "/run/filter.sock": "B"}, None, None, "/run/other.sock", ("A",)),
        ({"10026": "A", "127.0.0.1:10026": "A"}, "127.0.0.1", 10026, None, ("A",)),
        ({"10026": "UNKNOWN", "127.0.0.1:10026": "B"}, "127.0.0.1", 10026, None, ("B",)),
        ({"10026": "A"}, "127.0.0.1", 10024, None, ()),
    ],
)
def test_more_specific_interface_is_loaded_later(
    make_banks: Callable[..., PolicyBanks],
    interfaces: dict[str, str],
    address: str | None,
    port: int | None,
    path: str | None,
    expected: tuple[str, ...],
) -> None:
    """B4.01, B4.03: unknown banks are ignored in silence, one that was loaded last is not loaded again."""
    banks = make_banks(interface_policy=interfaces, policy_bank={"A": {}, "B": {}})
    assert banks.at_interface(address, port, path).path == expected


def test_order_of_loading(make_banks: Callable[..., PolicyBanks]) -> None:
    """B4.03: base, interface, MYNETS, MYUSERS; the later one wins, and each keeps what it alone sets."""
    banks = make_banks(
        interface_policy={"10026": "PORT"},
        spam_kill_level=1,
        spam_tag_level=1,
        spam_tag2_level=1,
        final_spam_destiny="pass",
        policy_bank={
            "PORT": {"spam_kill_level": 2, "spam_tag_level": 2, "spam_tag2_level": 2},
            "MYNETS": {"spam_kill_level": 3, "spam_tag2_level": 3},
            "MYUSERS": {"spam_kill_level": 4},
        },
    )
    regime = arrive(banks, port=10026, client=INSIDE, sender=LOCAL_SENDER)
    assert regime.path == ("PORT", "MYNETS", "MYUSERS")
    policy = policy_for(regime.settings, Recipient("bob@example.test"))
    assert (policy.spam_kill_level, policy.spam_tag2_level, policy.spam_tag_level) == (4, 3, 2)
    assert regime.settings.final_spam_destiny is Destiny.PASS
    assert arrive(banks).path == ()


def test_own_network_is_originating(make_banks: Callable[..., PolicyBanks]) -> None:
    """B4.04: with or without a bank MYNETS; the bank itself may say otherwise."""
    assert arrive(make_banks(), client=INSIDE).settings.originating is True
    assert arrive(make_banks(), client=INSIDE).path == ()
    assert arrive(make_banks(), client=OUTSIDE).settings.originating is False
    assert arrive(make_banks(), client=None).settings.originating is False
    with_bank = arrive(make_banks(policy_bank={"MYNETS": {"X_HEADER_TAG": "X-Own"}}), client=INSIDE)
    assert (with_bank.path, with_bank.settings.originating, with_bank.settings.X_HEADER_TAG) == (
        ("MYNETS",),
        True,
        "X-Own",
    )
    contrary = arrive(make_banks(policy_bank={"MYNETS": {"originating": False}}), client=INSIDE)
    assert (contrary.path, contrary.settings.originating) == (("MYNETS",), False)


@pytest.mark.parametrize(
    ("client", "sender", "loaded"),
    [
        (INSIDE, LOCAL_SENDER, True),
        (OUTSIDE, LOCAL_SENDER, False),  # forged
        (INSIDE, FOREIGN_SENDER, False),
        (INSIDE, "", False),
        (None, LOCAL_SENDER, False),
    ],
)
def test_own_users(make_banks: Callable[..., PolicyBanks], client: str | None, sender: str, loaded: bool) -> None:
    """B4.03, features 10.08: MYUSERS is for originating mail with a local sender, never for a forged one."""
    regime = arrive(make_banks(policy_bank={"MYUSERS": {}}), client=client, sender=sender)
    assert (regime.path == ("MYUSERS",)) is loaded


@pytest.mark.parametrize(
    ("client", "path", "originating"),
    [
        ("192.0.2.200", ("SPECIAL",), False),
        ("192.0.2.9", ("PARTNER",), False),
        ("10.9.9.9", ("BRANCH",), False),
        ("10.1.1.1", ("MYNETS",), True),
        ("198.51.100.1", (), False),
        (None, (), False),
    ],
)
def test_banks_by_network(
    make_banks: Callable[..., PolicyBanks], client: str | None, path: tuple[str, ...], originating: bool
) -> None:
    """B4.03: the first network that holds the client decides; mynetworks, the last of them, means MYNETS."""
    banks = make_banks(
        mynetworks=["10.0.0.0/8"],
        client_ipaddr_policy=[
            {"networks": ["192.0.2.200"], "bank": "SPECIAL"},
            {"networks": ["!192.0.2.8", "192.0.2.0/24"], "bank": "PARTNER"},
            {"networks": {"hash": {"10.9": True}}, "bank": "BRANCH"},
        ],
        policy_bank={"SPECIAL": {}, "PARTNER": {}, "BRANCH": {}, "MYNETS": {}},
    )
    regime = banks.for_mail(banks.at_interface("127.0.0.1", 10024), client, "x@elsewhere.example")
    assert (regime.path, regime.settings.originating) == (path, originating)


def test_bank_of_the_interface_says_what_is_local(make_banks: Callable[..., PolicyBanks]) -> None:
    """B4.03: mynetworks and local_domains of an earlier bank decide about the later ones."""
    banks = make_banks(
        interface_policy={"10026": "BRANCH"},
        policy_bank={"BRANCH": {"mynetworks": [f"{OUTSIDE}/32"], "local_domains": [".elsewhere.test"]}, "MYUSERS": {}},
    )
    assert arrive(banks, port=10026).path == ("BRANCH", "MYUSERS")
    assert arrive(banks).path == ()


@pytest.mark.parametrize(
    ("members", "check"),
    [
        ({"bypass_virus_checks": True}, lambda s, p: p.bypass_virus_checks),
        ({"bypass_spam_checks": True, "spam_lovers": True}, lambda s, p: p.bypass_spam_checks and p.loves(SPAM)),
        ({"virus_lovers": {"hash": {"bob@example.test": True}}}, lambda s, p: p.loves(VIRUS)),
        ({"final_virus_destiny": "reject"}, lambda s, p: s.final_virus_destiny is Destiny.REJECT),
        ({"spam_kill_level": {"hash": {".example.test": 20}}}, lambda s, p: p.spam_kill_level == 20),
        ({"spam_subject_tag2": "[own] "}, lambda s, p: "[own] " in p.subject_tags.values()),
        ({"virus_quarantine_method": "local:own-%m"}, lambda s, p: s.virus_quarantine_method == "local:own-%m"),
        (
            {"spam_quarantine_to": ""},
            lambda s, p: not any(kept == "spam-quarantine" for kept in p.quarantine_to.values()),
        ),
        ({"forward_method": "lmtp:/run/own.sock"}, lambda s, p: str(s.forward_method) == "lmtp:/run/own.sock"),
        ({"notify_method": "smtp:[127.0.0.1]:10027"}, lambda s, p: s.notify_method.hops[0].port == 10027),
        ({"smtpd_message_size_limit": 70000}, lambda s, p: s.size_limit_for_all == 70000),
        ({"child_timeout": 900}, lambda s, p: s.child_timeout == 900),
    ],
)
def test_members(
    make_banks: Callable[..., PolicyBanks], members: dict[str, Any], check: Callable[[Any, Any], bool]
) -> None:
    """Features 10.01, B4.07: each use of a bank changes mail of the bank, and no other mail."""
    banks = make_banks(interface_policy={"10026": "OWN"}, policy_bank={"OWN": members})
    inside, outside = arrive(banks, port=10026).settings, arrive(banks).settings
    bob = Recipient("bob@example.test")
    assert check(inside, policy_for(inside, bob))
    assert not check(outside, policy_for(outside, bob))


def test_worked_out_once(make_banks: Callable[..., PolicyBanks]) -> None:
    """The settings of a combination are kept: a message under banks costs a look-up, and so does one under none."""
    banks = make_banks(interface_policy={"10026": "ORIGINATING"}, policy_bank={"ORIGINATING": {}, "MYNETS": {}})
    first = arrive(banks, port=10026, client=INSIDE)
    again = arrive(banks, port=10026, client=INSIDE)
    assert again.settings is first.settings
    session = Session(policy_banks=first.path, originating=True)
    assert banks.of(session) is first.settings
    assert banks.of(Session()) is banks.base
    start = time.perf_counter()
    for _ in range(10_000):
        banks.of(session)
    assert time.perf_counter() - start < 1, "a hundred microseconds a message would be far too much"


def test_longest_time_of_a_message(make_settings: MakeSettings) -> None:
    """A worker that leaves is given the time that the slowest bank allows."""
    settings = make_settings(child_timeout=100, policy_bank={"SLOW": {"child_timeout": 900}, "OTHER": {}})
    assert settings.longest_child_timeout == 900
    assert make_settings(child_timeout=100).longest_child_timeout == 100


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"table": {"b": 3, "c": 4}}, {"table": {"a": 1, "b": 3, "c": 4}, "word": "x"}),
        ({"table": {"c": 4, "REPLACE": True}}, {"table": {"c": 4}, "word": "x"}),
        ({"table": {"c": 4, "REPLACE": False}}, {"table": {"a": 1, "b": 2, "c": 4}, "word": "x"}),
        ({"table": {"hash": {"b": 3}}}, {"table": {"hash": {"b": 3}}, "word": "x"}),  # a lookup table is one value
        ({"word": "y"}, {"table": {"a": 1, "b": 2}, "word": "y"}),
        ({"word": {"a": 1}}, {"table": {"a": 1, "b": 2}, "word": {"a": 1}}),
    ],
)
def test_tables_merge_unless_replaced(members: dict[str, Any], expected: dict[str, Any]) -> None:
    """B4.01: hash-valued members are merged key by key, unless the bank's has the key REPLACE."""
    base = {"table": {"a": 1, "b": 2}, "word": "x"}
    assert overlay(base, *split_replace(members)) == expected
    assert base == {"table": {"a": 1, "b": 2}, "word": "x"}


def test_all_errors_of_all_banks_at_once(tmp_path: Path) -> None:
    """Design rule 6, B4.08: unknown members, global ones, bad values and names, each with its file and key."""
    first, second = tmp_path / "20-first.toml", tmp_path / "50-user.toml"
    first.write_text(
        'myhostname = "gate.example.test"\n[policy_bank.OWN]\nfinal_spam_destny = "pass"\nspam_kill_level = "much"\n'
    )
    second.write_text(
        'interface_policy = { "99999" = "OWN", "300.1.1.1:25" = "OWN", "10026" = "two words" }\n'
        '[policy_bank.OWN]\nMYHOME = "/elsewhere"\n[policy_bank."A/B"]\n[policy_bank.OTHER]\nno_such_thing_at_all = 1\n'
    )
    with pytest.raises(ConfigError) as caught:
        load((tmp_path,))
    assert sorted(caught.value.problems) == sorted(
        [
            f"{first}:3: policy_bank.OWN.final_spam_destny: unknown setting; did you mean final_spam_destiny?",
            f"{first}:4: policy_bank.OWN.spam_kill_level: 'much' is not a number",
            f"{second}:1: interface_policy.99999: '99999' is not a port, an address and port, SOCK or a socket's path",
            f"{second}:1: interface_policy.300.1.1.1:25: '300.1.1.1:25': 300.1.1.1 is not an IP address",
            f"{second}:1: interface_policy.10026: 'two words' is not a name of a policy bank: "
            "letters, digits, and the characters _ . -",
            f"{second}:3: policy_bank.OWN.MYHOME: holds for the whole daemon, no policy bank can change it",
            f"{second}:4: policy_bank.A/B: 'A/B' is not a name of a policy bank: "
            "letters, digits, and the characters _ . -",
            f"{second}:6: policy_bank.OTHER.no_such_thing_at_all: unknown setting",
        ]
    )


@pytest.mark.parametrize("name", ["smtp_connection_cache_enable", "inet_socket_port", "QUARANTINEDIR", "max_servers"])
def test_global_settings_stay_global(tmp_path: Path, name: str) -> None:
    """Features 10.10, B4.08: connection cache, sockets, directories and processes are the same for all mail."""
    (tmp_path / "50-user.toml").write_text(f'myhostname = "gate.example.test"\n[policy_bank.OWN]\n{name} = 1\n')
    with pytest.raises(ConfigError, match=f"policy_bank.OWN.{name}: holds for the whole daemon"):
        load((tmp_path,))


def test_fragments_add_to_a_bank(tmp_path: Path) -> None:
    """Features 5.01: the packaged bank ORIGINATING, a member from one fragment, another one from a later."""
    (tmp_path / "40-site.toml").write_text(
        'myhostname = "gate.example.test"\n[policy_bank.ORIGINATING]\nspam_kill_level = 9\nX_HEADER_TAG = "X-A"\n'
    )
    (tmp_path / "50-user.toml").write_text('[policy_bank.ORIGINATING]\nX_HEADER_TAG = "X-B"\n')
    configuration = load((tmp_path,))
    members = configuration.settings.policy_bank["ORIGINATING"].members()
    assert set(members) == {"originating", "spam_kill_level", "X_HEADER_TAG"}
    assert (members["originating"], members["X_HEADER_TAG"]) == (True, "X-B")
    assert dict(configuration.effective(["MYNETS"]))["originating"] is True
    assert dict(configuration.effective())["originating"] is False
    shown = dict(configuration.effective(["ORIGINATING"]))
    assert (shown["X_HEADER_TAG"], shown["spam_kill_level"], shown["spam_tag_level"]) == ("X-B", 9, 2.0)
    origin = configuration.origin("spam_kill_level", ["ORIGINATING"])
    assert origin is not None
    assert (origin.path.name, origin.line) == ("40-site.toml", 3)
