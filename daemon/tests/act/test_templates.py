"""Templates of notifications (B11.09, B11.12; features 5.39, 14.10)."""

import email
import email.policy
import functools
import logging
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailcordon.act import template
from mailcordon.act.notice_context import (
    AboutRecipient,
    NoticeContext,
    about,
    about_recipient,
    readable,
    sample_contexts,
)
from mailcordon.act.own_message import compose
from mailcordon.act.template import FILTERS, NoticeTemplate
from mailcordon.act.template_set import (
    Templates,
    packaged_directory,
    packaged_languages,
    read_template,
    template_problems,
)
from mailcordon.act.wording import Kind
from mailcordon.config.settings import Settings
from mailcordon.errors import TemplateError
from mailcordon.mail.category import CLEAN, Category, Major
from mailcordon.mail.envelope import Session
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
HEAD = "From: {{ hdrfrom }}\nSubject: x\n\n"
FULL, BARE = sample_contexts()
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def rendered(body: str, context: NoticeContext = FULL) -> str:
    return NoticeTemplate(HEAD + body, "t.txt").render(context).text


def refusal(source: str) -> str:
    """What is said of a template at start or, if it is taken, at its first use."""
    with pytest.raises(TemplateError) as caught:
        NoticeTemplate(source, "t.txt").render(FULL)
    return str(caught.value)


def test_fields_and_text() -> None:
    made = NoticeTemplate(
        "From: {{ hdrfrom }}\nSubject: {{ category }}:\n  {{ subject }}\nX-Empty: {{ more_recipients or '' }}\n\nHi\n",
        "t",
    ).render(replace(FULL, more_recipients=0))
    assert made.fields == (("From", FULL.hdrfrom), ("Subject", "Virus:\nHello"))
    assert made.text == "Hi\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("From: a\nSubject: {{ sendr }}\n\n", "t.txt:2: unknown variable sendr; did you mean sender?"),
        (HEAD + "a\n{% if viruses %}{{ nonsense }}{% endif %}\n", "t.txt:5: unknown variable nonsense"),
        (HEAD + "\n\n{% for r in recipients %}\n{{ r.adress }}{% endfor %}\n", "t.txt:7: "),
        (HEAD + "{% if %}\n", "t.txt:4: Expected an expression, got 'end of statement block'"),
        (HEAD + "{{ sender | explode }}", "t.txt:4: No filter named 'explode'."),
        (HEAD + "a\n{% include 'b' %}", "t.txt:5: include is not possible here"),
        (HEAD + "{{ sender.upper() }}", "t.txt:4: calling functions is not possible here"),
        (HEAD + "{{ sender.__class__ }}", "t.txt:4: access to attribute '__class__' of 'str' object is unsafe."),
        (HEAD + "{{ 'x' * 1000000000 }}", "t.txt:4: * is not allowed"),
        (HEAD + "{% for x in recipients recursive %}{% endfor %}", "t.txt:4: recursive loops are not possible"),
        ("From: a\nSubject: b\n", "t.txt:2: there is no empty line between header fields and text"),
        ("From: a\nHello\n\n", "t.txt:2: 'Hello' is no header field; the text begins after an empty line"),
        ("From: a\n\nHi", "t.txt:1: there is no header field Subject"),
        ("From: a\nSubject: b\nTo: c\n\n", "t.txt:3: To is not for a template to set"),
        ("From: a\nSubject: b\nContent-Type: c\n\n", "t.txt:3: Content-Type is not for a template to set"),
        ("From: a\nSubject: b\nsubject: c\n\n", "t.txt:2: Subject stands there more than once"),
        (HEAD + "[? %#V |no|yes]\n", "t.txt:1: is written in the macro language of amavisd"),
        ("From: a\n" * 10_000, "t.txt: is longer than 65536 characters"),
    ],
)
def test_refused_with_line_and_reason(source: str, told: str) -> None:
    assert refusal(source).startswith(told)


def test_loops_and_results_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a template costs no more than this notification."""
    nested = "{% for a in header_lines %}{% for b in header_lines %}x{% endfor %}{% endfor %}"
    assert rendered(nested) == 4 * "x"
    monkeypatch.setattr(template, "MAX_ROUNDS", 5)
    assert refusal(HEAD + nested) == "t.txt:4: loops for more than 5 rounds"
    monkeypatch.undo()
    monkeypatch.setattr(template, "MAX_RESULT", 100)
    assert rendered("x" * 99) == "x" * 99 + "\n"
    assert refusal(HEAD + "x" * 100).endswith(": makes more than 100 characters")


def test_loop_variable_works() -> None:
    text = "{% for virus in viruses %}{{ loop.index }}{{ virus }}{{ ', ' if not loop.last }}{% endfor %}"
    assert rendered(text) == "1Eicar-Test-Signature, 2Another"


def test_values_are_never_read_as_templates() -> None:
    """Contract B11.12."""
    evil = "{{ hdrfrom }}{% for %}"
    made = NoticeTemplate("From: a\nSubject: {{ subject }}\n\n{{ subject }}\n", "t").render(replace(FULL, subject=evil))
    assert made.fields[1] == ("Subject", evil)
    assert made.text == evil + "\n"


def test_filters_exist() -> None:
    """Each one that is promised works in this release of Jinja."""
    for name in sorted(FILTERS - {"map", "selectattr", "rejectattr", "replace"}):
        NoticeTemplate(HEAD + "{{ 1 | " + name + " }}", "t")


@pytest.mark.parametrize("language", ["en_US", "de_DE"])
@pytest.mark.parametrize("kind", list(Kind))
def test_packaged_templates(make_settings: MakeSettings, language: str, kind: Kind) -> None:
    """Features 14.10: every kind in both languages, with all facts and with none."""
    words = Templates(make_settings(l10n_language=language)).of(language)
    for context in (FULL, BARE):
        made = words.word(kind, context, "x")
        assert dict(made.fields)["From"] == FULL.hdrfrom
        assert dict(made.fields)["Subject"]
        assert "{{" not in made.text + "".join(body for _, body in made.fields)
        assert FULL.mail_id in made.text
    if kind not in (Kind.VIRUS_RECIPIENT, Kind.REPORT):
        assert "bob@example.com" in words.word(kind, FULL, "x").text


def test_languages_differ(make_settings: MakeSettings) -> None:
    """Features 5.39: another language can be selected; a bank may select one of its own."""
    settings = make_settings(l10n_language="de_AT", policy_bank={"ENGLISH": {"l10n_language": "en"}})
    templates = Templates(settings)
    assert templates.problems == []
    assert "wurde nicht zugestellt" in templates.of("de_AT").word(Kind.DSN, FULL, "x").text
    assert "was not delivered" in templates.of("en").word(Kind.DSN, FULL, "x").text
    assert packaged_languages() == ["de_DE", "en_US"]


def test_administrator_s_files_override_single_ones(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Features 5.39; files are in the charset that the file of that name says."""
    place = tmp_path / "l10n" / "de_DE"
    place.mkdir(parents=True)
    (place / "charset").write_text("iso-8859-1\n")
    (place / "template-dsn.txt").write_bytes(HEAD.encode() + "Größe {{ size }}".encode("iso-8859-1"))
    settings = make_settings(l10n_language="de_DE", l10n_directory=str(tmp_path / "l10n"))
    assert template_problems(settings) == []
    words = Templates(settings).of("de_DE")
    assert words.word(Kind.DSN, FULL, "x").text == "Größe 4711\n"
    assert "Spam" in words.word(Kind.SPAM_SENDER, FULL, "x").text


def test_a_language_of_one_s_own(make_settings: MakeSettings, tmp_path: Path) -> None:
    """What is not there is English."""
    (tmp_path / "fr_FR").mkdir()
    (tmp_path / "fr_FR" / "template-dsn.txt").write_text(HEAD + "Bonjour")
    words = Templates(make_settings(l10n_language="fr_FR", l10n_directory=str(tmp_path))).of("fr_FR")
    assert words.word(Kind.DSN, FULL, "x").text == "Bonjour\n"
    assert "administrator" in words.word(Kind.VIRUS_RECIPIENT, FULL, "x").text


def test_all_problems_at_once(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Design rule 6: file, line and reason, one line each."""
    place = tmp_path / "de_DE"
    place.mkdir()
    (place / "template-dsn.txt").write_text(HEAD + "{{ nothing }}")
    (place / "template-spam-admin.txt").write_bytes(HEAD.encode() + b"\xff")
    (place / "template-virus-admin.txt").mkdir()
    settings = make_settings(
        l10n_language="de_DE", l10n_directory=str(tmp_path), policy_bank={"X": {"l10n_language": "xx_XX"}}
    )
    assert template_problems(settings) == [
        f"{place}/template-dsn.txt:4: unknown variable nothing",
        f"{place}/template-virus-admin.txt: cannot be read: Is a directory",
        f"{place}/template-spam-admin.txt: is not in utf-8; the file charset beside it may name another one",
        "l10n_language: there are no templates for xx_XX; packaged are de_DE, en_US, others need a directory of that "
        "name in l10n_directory",
    ]
    (place / "charset").write_text("klingon")
    # A reload makes settings anew.
    found = template_problems(settings.model_copy())
    assert f"{place}/charset: does not name a charset such as utf-8 or iso-8859-1" in found
    lost = make_settings(l10n_directory=str(tmp_path / "lost"))
    assert template_problems(lost) == [f"l10n_directory: {tmp_path}/lost is not a directory that can be read"]


def test_failing_template_is_replaced_by_the_packaged_one(
    make_settings: MakeSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A template may still fail with values that no sample has."""
    (tmp_path / "en_US").mkdir()
    path = tmp_path / "en_US" / "template-dsn.txt"
    path.write_text(HEAD + "{% if subject == 'bad' %}{{ (recipients | first).nothing }}{% endif %}fine")
    settings = make_settings(l10n_directory=str(tmp_path))
    assert template_problems(settings) == []
    words = Templates(settings).of("en_US")
    assert words.word(Kind.DSN, FULL, "x").text == "fine\n"
    assert "was not delivered" in words.word(Kind.DSN, replace(FULL, subject="bad"), "4711-01").text
    assert f"(4711-01) template fails, taking the packaged one: {path}:4: " in caplog.text
    assert caplog.records[0].levelno == logging.ERROR


@functools.cache
def _packaged() -> list[NoticeTemplate]:
    return [read_template(path) for path in packaged_directory().glob("*/*.txt")]


@given(st.text(max_size=2000), st.text(max_size=50))
@settings(max_examples=50, deadline=None)
def test_any_value_goes_through_the_packaged_templates(long: str, short: str) -> None:
    texts: dict[str, Any] = {
        field.name: long for field in fields(NoticeContext) if isinstance(getattr(FULL, field.name), str)
    }
    context = replace(
        FULL,
        **texts,
        viruses=(short,) * 100,
        recipients=(AboutRecipient(short, "failed", short, short),) * 100,
    )
    for template_ in _packaged():
        template_.render(context)


def test_variables_of_a_mail(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Every text is one line, readable, of bounded length."""
    octets = (
        b"From: =?utf-8?Q?J=C3=B6rg?= <a@b.example>\r\nSubject: =?utf-8?Q?a=0D=0ABcc:_x?= \x01\xff\r\n"
        b"To: " + b"x" * 5000 + b"\r\nMessage-ID: <1>\r\n\r\nbody\r\n"
    )
    mail = make_mail(octets, sender="evil\r\nBcc: x@b.example")
    made = about(
        mail, make_settings(), Findings(), [], category=CLEAN, hdrfrom="f", copies=(), now=datetime.now(UTC), score=0.0
    )
    assert made.author == "Jörg <a@b.example>"
    assert made.subject.startswith("a??Bcc: x")
    assert made.sender == "evil??Bcc: x@b.example"
    assert len(made.to) == 1000
    assert made.header_lines[0] == "From: =?utf-8?Q?J=C3=B6rg?= <a@b.example>"
    assert made.score == "0"
    texts = [value for value in (getattr(made, field.name) for field in fields(made)) if isinstance(value, str)]
    assert all(text.isprintable() for text in texts)


@pytest.mark.parametrize("text", ["=?klingon?Q?x?=", "=?utf-8?B?!!!?=", "=?utf-8?Q?=ZZ?=", "=?", None])
def test_what_cannot_be_decoded_is_shown_as_it_is(text: str | None) -> None:
    assert readable(text) in (text or "", "=ZZ", "")


PIECES = [
    *"ab:;<>@\r\n\t \x00\x7f\x85\u2028\u202eé=?-_{}%\udcff",
    "\r\n\r\n",
    "\r\nBcc: x@y",
    "=?utf-8?Q?=0A?=",
    "{{ x }}",
]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(HOSTILE, min_size=5, max_size=5))
def test_hostile_values_never_make_fields(make_settings: MakeSettings, make_mail: MakeMail, values: list[str]) -> None:
    """Contract B11.12: from the mail through every packaged template to the octets of a notice."""
    sender, recipient, helo, name, fields_ = values
    octets = f"From: {name}\r\nSubject: {name}\r\nMessage-ID: {name}\r\n{fields_}\r\n\r\n"
    mail = make_mail(octets.encode("utf-8", "surrogateescape"), sender=sender, session=Session(helo=helo))
    context = about(
        mail,
        make_settings(),
        Findings((Finding(Category(Major.VIRUS), name, "test"), Finding(Category(Major.BANNED), name, "test"))),
        [about_recipient(recipient, "failed", Reply(554, "5.7.0", name))],
        category=Category(Major.VIRUS),
        hdrfrom="Filter <f@gate.example.test>",
        copies=(),
        now=NOW,
        score=None,
    )
    for words in _packaged():
        made = b"".join(compose(words.render(context), mail, to="<a@b.example>", message_id="<1@x>", now=NOW).chunks())
        head, _, body = made.partition(b"\r\n\r\n")
        names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
        assert sorted(set(names)) == sorted(names)
        assert set(names) <= {
            *(b"From", b"Subject", b"To", b"Date", b"Message-ID", b"In-Reply-To", b"Auto-Submitted"),
            *(b"MIME-Version", b"Content-Type", b"Content-Transfer-Encoding"),
        }
        assert made.isascii()
        assert b"\r" not in made.replace(b"\r\n", b"")
        assert email.message_from_bytes(made, policy=email.policy.default).get_content_type() == "text/plain"
        assert body
