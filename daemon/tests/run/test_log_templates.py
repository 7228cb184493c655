"""Entries by templates (B8.06, B8.07)."""

import logging
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logging_messages import CLIENT, MESSAGE, MakeMail, MakeSettings, entries, inspected, item, outcome
from pydantic import ValidationError

from mailcordon.config.load import load
from mailcordon.config.log_template import MESSAGE_VARIABLES, RECIPIENT_VARIABLES
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.errors import ConfigError
from mailcordon.mail.category import CLEAN, DISPLAY_NAMES, Category, Major
from mailcordon.mail.envelope import Client, Recipient, Session
from mailcordon.mail.finding import Ban, Finding, Findings, SpamScore
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, QuarantineCopy, RecipientOutcome
from mailcordon.run.log_facts import VARIABLES
from mailcordon.run.main_log import log_message

PAGE = (Path(__file__).parents[3] / "docs" / "log.md").read_text(encoding="utf-8")
SHORT_TEMPLATE = re.findall(r"^log_templ = '''\n(.*?)'''", PAGE, re.MULTILINE | re.DOTALL)[0]
"""The short form as the page shows it, to begin one's own with."""

VIRUS = Category(Major.VIRUS)


def test_every_variable_is_known_and_explained() -> None:
    """Contract B8.07: what may stand in a template can be filled in, and the page says what it is."""
    assert set(VARIABLES) == RECIPIENT_VARIABLES
    explained = set(re.findall(r"^\| `([a-z0-9_]+)` \|", PAGE, re.MULTILINE))
    assert RECIPIENT_VARIABLES - explained == set()


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FIELD = st.text(st.sampled_from("ab <>,:{}%\t\x01\x85é"), max_size=30)
RECIPIENTS = st.lists(
    st.builds(
        lambda address, disposition, category, blocks, local, score, queue_id: item(
            address,
            disposition,
            main=category,
            blocking=category if blocks else None,
            local=local,
            score=score,
            queued_as=queue_id if disposition in {Disposition.RELAYED, Disposition.RELAYED_TAGGED} else None,
        ),
        WORDS,
        st.sampled_from(Disposition),
        st.sampled_from(sorted(DISPLAY_NAMES)),
        st.booleans(),
        st.booleans(),
        st.none() | st.floats(-100, 100),
        st.none() | st.sampled_from(["Q1", "Q2"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    recipients=RECIPIENTS,
    client=st.builds(
        Client,
        addr=st.none() | st.sampled_from(["192.0.2.7", "2001:db8::1"]),
        port=st.none() | st.integers(1, 65535),
        ident=st.none() | WORDS,
    ),
    banks=st.lists(st.sampled_from(["A", "MYNETS"])),
    originating=st.booleans(),
    sender=WORDS,
    fields=st.tuples(FIELD, FIELD),
    origin=st.sampled_from(["10.1.2.3", "8.8.8.8", "IPv6:2600::1", ""]),
    copies=st.lists(st.just(QuarantineCopy("a/b", "F")) | st.just(QuarantineCopy("c[2]", "Q")), max_size=2),
    names=st.lists(WORDS, max_size=2),
    tag=st.sampled_from(["0", "37"]),
)
def test_short_form_is_what_its_template_says(
    make_mail: MakeMail,
    make_settings: MakeSettings,
    recipients: list[RecipientOutcome],
    client: Client,
    banks: list[str],
    originating: bool,
    sender: str,
    fields: tuple[str, str],
    origin: str,
    copies: list[QuarantineCopy],
    names: list[str],
    tag: str,
) -> None:
    """Contract B8.07: the short form is written out for its speed, and is the same as by the template on the page."""
    head = f"Received: from x ([{origin}]) by y\r\nMessage-ID: {fields[0]}\r\nResent-Message-ID: {fields[1]}\r\n\r\n"
    session = Session(client=client, policy_banks=tuple(banks), originating=originating)
    mail = make_mail(head.encode(), sender=sender, session=session)
    result = outcome(*recipients, quarantine=copies)
    findings = Findings(
        tuple(Finding(Category(major), name, "x") for name in names for major in (Major.VIRUS, Major.BANNED))
    )
    short = entries(make_settings(partition_tag=tag), mail, result, findings)
    by_template = entries(make_settings(partition_tag=tag, log_templ=SHORT_TEMPLATE), mail, result, findings)
    assert [line.split() for line in short] == [line.split() for line in by_template]
    assert 1 <= len(short) <= 2


def test_what_is_banned(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.03, B11.11, B12.04: amavisd's macros of banned parts, for those whom an entry is about."""
    names = ["banned_names", "banned_parts", "banned_parts_as_attr"]
    names += ["banning_rule_comment", "banning_rule_key", "banning_rule_rhs"]
    template = "|".join(["{{ category }}", *(f"{{{{ {name} | join('/') }}}}" for name in names)])
    banned = Category(Major.BANNED)
    bob, eve = "bob@example.test", "eve@example.test"
    findings = Findings(
        tuple(
            Finding(
                banned,
                f".exe,{name}",
                "banned",
                result=result,
                ban=Ban(f"multipart/mixed | .exe,{name}", f"L=1 | N={name}", key, comment),
                recipients=frozenset(recipients),
            )
            for name, result, key, comment, recipients in (
                ("a", "1", "k", "c", [bob]),
                ("b", "DISCARD", "k", "c", [bob, eve]),
                ("c", "1", "l", "l", [bob]),
            )
        )
    )
    result = outcome(
        item(bob, Disposition.DISCARDED, main=banned, blocking=banned),
        item(eve, Disposition.RELAYED, main=banned),
    )
    passed, blocked = entries(make_settings(log_templ=template), make_mail(MESSAGE), result, findings)
    assert blocked.partition(") ")[2] == (
        "BANNED (.exe,a)|.exe,a/.exe,b/.exe,c|multipart/mixed | .exe,a/multipart/mixed | .exe,b/..."
        "|L=1 | N=a/L=1 | N=b/L=1 | N=c|c/l|k/l|1/DISCARD"
    )
    assert passed.partition(") ")[2] == ("BANNED (.exe,b)|.exe,b|multipart/mixed | .exe,b|L=1 | N=b|c|k|DISCARD")


def test_verbose_form(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.07: protocols, tls, subject, author, helo, tests, autolearn and memory besides."""
    octets = (
        b'From: Alice <alice@sender.example>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= "x"\r\n'
        b"User-Agent: Mutt/2.2\r\nMessage-ID: <m1@sender.example>\r\n\r\nbody\r\n"
    )
    session = Session(
        protocol="LMTP",
        cipher="TLS_AES_256_GCM_SHA384",
        client=Client(addr="192.0.2.7", port=5, proto="ESMTPS", helo="mx.sender.example"),
    )
    mail = make_mail(octets, session=session)
    result = outcome(item("bob@example.test", Disposition.RELAYED, score=1.5, points=-2.0, queued_as="Q1"))
    findings = Findings(spam=SpamScore(3.5, (("B_50", 3.5), ("A_0", None)), autolearn="ham"))
    (entry,) = entries(make_settings(log_templ="verbose"), mail, result, findings)
    assert re.sub(r"rss=\d+", "rss=N", entry) == (
        f"({mail.log_id}) Passed CLEAN {{RelayedInbound}}, [192.0.2.7]:5 ESMTPS/LMTP <alice@sender.example> -> "
        "<bob@example.test>, tls: TLS_AES_256_GCM_SHA384, Message-ID: <m1@sender.example>, "
        f"mail_id: {mail.mail_id}, Hits: 1.5, size: {mail.size}, queued_as: Q1, Subject: \"Grüße 'x'\", "
        "From: alice@sender.example, User-Agent: Mutt/2.2, helo=mx.sender.example, "
        "Tests: [AM.WBL=-2,A_0,B_50=3.5], autolearn=ham, rss=N, 291 ms"
    )


def test_each_line_is_an_entry(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.07: lines that are empty are none; what a stranger wrote begins no line."""
    template = "one {{ subject }}\n\n{% if virus_names %}\nno\n{% endif %}\n  two {{ message_id }} {{ sender }}\n"
    octets = b"Subject: a\r\n b\rforged\r\nMessage-ID: <x\x0bforged\xc2\x85forged\xff>\r\n\r\n"
    mail = make_mail(octets, sender="a\u2028b@c.test")
    result = outcome(item("bob@example.test", Disposition.RELAYED))
    assert entries(make_settings(log_templ=template), mail, result) == [
        "(04711-01) one a bforged",
        "(04711-01) two <x\\x0bforged\\x85forged\\udcff> <a\\u2028b@c.test>",
    ]


def test_entries_of_recipients(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.06: one for each recipient, after the main entry; off unless asked for."""
    mail = make_mail(MESSAGE, recipients=["a@b.test", "c@d.test", "e@f.test"])
    result = outcome(
        item(
            "a@b.test",
            Disposition.RELAYED,
            score=7.0,
            categories=frozenset({CLEAN, Category(Major.CLEAN, 1), Category(Major.SPAMMY)}),
            main=Category(Major.SPAMMY),
            tag_level=2.0,
            tag2_level=6.31,
            kill_level=None,
            queued_as="Q1",
        ),
        item("c@d.test", Disposition.RELAYED, local=False, reply=Reply(250, "2.0.0", "from MTA: 250 fine")),
        item(
            "e@f.test",
            Disposition.DISCARDED,
            main=Category(Major.SPAM),
            blocking=Category(Major.SPAM),
            score=9.0,
            kill_level=6.31,
        ),
    )
    assert entries(make_settings(log_templ="", log_recip_templ="short"), mail, result) == [
        "(04711-01) Passed SPAMMY, <alice@sender.example> -> <a@b.test>, Hits: 7, tag=2, tag2=6.31, kill=-, "
        "queued_as: Q1, L/Y/Y/0",
        "(04711-01) Passed CLEAN, <alice@sender.example> -> <c@d.test>, Hits: -, tag=-, tag2=-, kill=-, "
        "fwd: 250 2.0.0 from MTA: 250 fine, 0/0/0/0",
        "(04711-01) Blocked SPAM, <alice@sender.example> -> <e@f.test>, Hits: 9, tag=-, tag2=-, kill=6.31, L/0/0/Y",
    ]
    assert entries(make_settings(log_templ=""), mail, result) == []
    numbered = make_settings(log_recip_templ="{{ recipient_number }} {{ recipients | first }}")
    assert entries(numbered, mail, result)[2:] == [
        "(04711-01) 1 <a@b.test>",
        "(04711-01) 2 <c@d.test>",
        "(04711-01) 3 <e@f.test>",
    ]


def test_templates_of_a_policy_bank(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Contract B8.07, B4.07: a bank has a form of its own."""
    banks = PolicyBanks(make_settings(policy_bank={"MINE": {"log_templ": "mine {{ mail_id }}"}}))
    result = outcome(item("bob@example.test", Disposition.RELAYED))
    others = make_mail(MESSAGE)
    mine = make_mail(MESSAGE, session=Session(policy_banks=("MINE",)))
    assert entries(banks.of(mine.session), mine, result) == [f"(04711-01) mine {mine.mail_id}"]
    assert "Passed CLEAN" in entries(banks.of(others.session), others, result)[0]


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ subjekt }}", "line 1: there is no subjekt; did you mean subject?"),
        ("{{ tag_level }}", "line 1: there is no tag_level"),
        ("a\n{{ size | nonsense }}", "line 2: No filter named 'nonsense'."),
        ("a\n\n{% if %}", "line 3: "),
        ("{{ size ", "line 1: "),
        ("{% include 'other' %}", "line 1: a template cannot take in others"),
        ("long", "neither short, verbose, empty, nor a template"),
    ],
)
def test_bad_template_is_refused(template: str, reason: str, tmp_path: Path) -> None:
    """Design rule 6: file, key, line of the template and reason."""
    fragment = tmp_path / "50-user.toml"
    fragment.write_text(f'myhostname = "gate.example.test"\nlog_templ = """\n{template}"""\n')
    with pytest.raises(ConfigError) as caught:
        load((tmp_path,))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{fragment}:2: log_templ: ")
    assert reason in problem
    assert "\n" not in problem


def test_template_of_recipients_knows_more(make_settings: MakeSettings) -> None:
    """The twin: what the main entry cannot name, an entry about one recipient can."""
    assert make_settings(log_recip_templ="{{ tag_level }}").log_recip_templ.text == "{{ tag_level }}"
    with pytest.raises(ValidationError, match="there is no tag_level"):
        make_settings(log_templ="{{ tag_level }}")
    assert MESSAGE_VARIABLES < RECIPIENT_VARIABLES


@pytest.mark.parametrize(
    "template",
    [
        "{{ 1 // 0 }}",
        "{{ size + subject }}",
        "{{ subject.nothing }}",
        "{{ ().__class__.__mro__ }}",
        "{% for n in range(999999) %}{% endfor %}",
    ],
)
def test_template_that_fails(
    template: str, make_mail: MakeMail, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """It costs its entry only: the short form takes its place, and the log says why."""
    mail = make_mail(MESSAGE, session=CLIENT)
    result = outcome(item("bob@example.test", Disposition.RELAYED))
    (entry,) = entries(make_settings(log_templ=template), mail, result)
    assert entry == entries(make_settings(), mail, result)[0]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("(04711-01) log_templ FAILED: ")
    caplog.clear()
    assert entries(make_settings(log_templ="", log_recip_templ=template), mail, result) == []
    assert [record.getMessage()[:34] for record in caplog.records] == ["(04711-01) log_recip_templ FAILED:"]


def test_log_never_raises(make_mail: MakeMail, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture) -> None:
    """Design rule 1: the mail is forwarded by now, an error would have the client bring it again."""
    mail = make_mail(MESSAGE, recipients=[Recipient("bob@example.test")])
    broken = item("bob@example.test", Disposition.RELAYED, score="no number")
    log_message(inspected(make_settings(), mail), outcome(broken), milliseconds=1)
    assert [record.getMessage() for record in caplog.records] == ["(04711-01) cannot write the log entry"]
