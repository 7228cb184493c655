"""What is counted of messages (B17.01, B17.02, B17.04, B17.05)."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from mailcordon.config.policy import policies_for_mail
from mailcordon.config.settings import Settings
from mailcordon.judge.judge import judge
from mailcordon.mail.bounce import BounceOutcome
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Session
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.mail.penpal import PenPal
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, Outcome, QuarantineCopy, RecipientOutcome
from mailcordon.pipeline import Inspection
from mailcordon.run.counter_bases import bases_of
from mailcordon.run.counter_file import CAPACITY, CounterFile
from mailcordon.run.tally import Tally
from samples import plain

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
Count = Callable[..., dict[str, float]]
TAKEN = Reply(250, "2.6.0", "Ok")
VIRUS = Finding(Category(Major.VIRUS), "Test.Virus", "clamd")
LOCAL, REMOTE = "bob@example.test", "carol@remote.example"


@pytest.fixture
def count(make_settings: MakeSettings, make_mail: MakeMail) -> Count:
    """What one message adds to the counters."""

    def make(
        findings: Findings = Findings(),  # noqa: B008 - it is frozen
        dispositions: tuple[Disposition, ...] = (Disposition.RELAYED,),
        copies: tuple[QuarantineCopy, ...] = (),
        decoders: tuple[str, ...] = (),
        types: tuple[str, ...] = (),
        bounce: BounceOutcome | None = None,
        **mail_parts: Any,
    ) -> dict[str, float]:
        settings = make_settings(bypass_virus_checks=False, bypass_spam_checks=False)
        mail = make_mail(plain(), **{"recipients": [LOCAL], **mail_parts})
        policies = policies_for_mail(settings, mail)
        verdicts = judge(mail, findings, policies, settings)
        root = Part("1", 0, 0, mail.size, children=[Part("1.1", 0, 0, 1, short_types=types)])
        outcome = Outcome(
            tuple(RecipientOutcome(*pair, TAKEN) for pair in zip(verdicts, dispositions, strict=True)), TAKEN, copies
        )
        file = CounterFile()
        inspection = Inspection(mail, settings, root, findings, policies, verdicts, decoders=decoders, bounce=bounce)
        Tally(file).message(inspection, outcome)
        file.counts["size"] = mail.size
        return dict(file.counts)

    return make


def test_clean_mail_from_outside(count: Count) -> None:
    found = count()
    size = found.pop("size")
    assert found == {
        "InMsgs": 1,
        "InMsgsInbound": 1,
        "InMsgsRecips": 1,
        "InMsgsRecipsInbound": 1,
        "InMsgsRecipsLocal": 1,
        "InMsgsSize": size,
        "InMsgsSizeInbound": size,
        "InMsgsStatusRelayed": 1,
        "InMsgsStatusRelayedInbound": 1,
        "InMsgsStatusRelayedUntagged": 1,
        "InMsgsStatusRelayedUntaggedInbound": 1,
        "ContentCleanMsgs": 1,
        "ContentCleanMsgsInbound": 1,
    }


@pytest.mark.parametrize(
    ("originating", "recipients", "directions"),
    [
        (False, [LOCAL], {"Inbound"}),
        (False, [REMOTE], {"OpenRelay"}),
        (False, [LOCAL, REMOTE], {"Inbound", "OpenRelay"}),
        (True, [LOCAL], {"Originating", "Internal"}),
        (True, [REMOTE], {"Originating", "Outbound"}),
        (True, [REMOTE, LOCAL], {"Originating", "Outbound", "Internal"}),
    ],
)
def test_directions(count: Count, originating: bool, recipients: list[str], directions: set[str]) -> None:
    dispositions = (Disposition.RELAYED,) * len(recipients)
    found = count(recipients=recipients, dispositions=dispositions, session=Session(originating=originating))
    assert {name.removeprefix("InMsgs") for name in found if name in {f"InMsgs{d}" for d in directions}} == directions
    assert {name for name in found if name.startswith("ContentClean")} == {
        "ContentCleanMsgs",
        *(f"ContentCleanMsgs{direction}" for direction in directions),
    }
    assert found["InMsgs"] == found["ContentCleanMsgs"] == 1
    assert found["InMsgsRecips"] == len(recipients)


def test_recipients_fare_differently(count: Count) -> None:
    found = count(recipients=[LOCAL, REMOTE], dispositions=(Disposition.DISCARDED, Disposition.RELAYED_TAGGED))
    assert {name for name in found if "Status" in name} == {
        "InMsgsStatusDiscarded",
        "InMsgsStatusDiscardedInbound",
        "InMsgsStatusRelayed",
        "InMsgsStatusRelayedOpenRelay",
        "InMsgsStatusRelayedTagged",
        "InMsgsStatusRelayedTaggedOpenRelay",
    }


def test_what_was_found_and_kept(count: Count) -> None:
    copies = (QuarantineCopy("virus-x", "F"), QuarantineCopy("archive-x", "F", is_archive=True))
    findings = Findings((VIRUS,), SpamScore(3.0), virus_checked=True, os_fingerprint="Windows XP")
    found = count(
        findings,
        dispositions=(Disposition.DISCARDED,),
        copies=copies,
        decoders=("zip", "zip", "tar"),
        types=("exe", "exe-ms"),
        sender="",
    )
    size = found["size"]
    wanted = {
        "ContentVirusMsgs": 1,
        "virus.byname.Test.Virus": 1,
        "virus.byOS.Windows-XP": 1,
        "OpsVirusCheck": 1,
        "OpsSpamCheck": 1,
        "OpsDec": 1,
        "OpsDecByzip": 2,
        "OpsDecBytar": 1,
        "OpsDecType-exe": 1,
        "QuarMsgs": 2,
        "QuarMsgsSize": 2 * size,
        "QuarVirusMsgs": 1,
        "QuarVirusSize": size,
        "QuarArchMsgs": 1,
        "InMsgsBounce": 1,
        "InMsgsBounceNullRPath": 1,
    }
    assert {name: found.get(name) for name in wanted} == wanted


def test_outcomes_of_bounces_add_up(count: Count) -> None:
    """Features 11.39, B17.01: each counted bounce has one outcome; that of a null sender is counted beside them."""
    total: Counter[str] = Counter()
    for outcome in BounceOutcome:
        total.update({name: int(n) for name, n in count(bounce=outcome, sender="").items() if "Bounce" in name})
    assert total.pop("InMsgsBounceNullRPath") == len(BounceOutcome)
    assert total.pop("InMsgsBounce") == sum(total.values()) == 5
    assert set(total) == {
        f"InMsgsBounce{word}"
        for word in ("Killed", "Unverifiable", "RescuedByPenPals", "RescuedByDomain", "RescuedByOriginating")
    }
    assert {bases_of(name) for name in total} == {("InMsgsBounce",)}
    assert "InMsgsBounce" not in count(sender="a@b.example")


@pytest.mark.parametrize(
    ("score", "bonus", "saved"),
    [(20, 14, {"Tag2", "Kill"}), (20, 13, set()), (6, 5, set()), (6.31, 0.5, {"Tag2", "Kill"})],
)
def test_saved_by_pen_pals(score: float, bonus: float, saved: set[str], count: Count) -> None:
    """B16.03: levels that the mail does not reach only because of the bonus; the levels are 6.31, tag3 has none."""
    found = count(Findings(spam=SpamScore(score), pen_pals={LOCAL: PenPal(60, bonus, "mailid")}))
    assert {name for name in found if "PenPals" in name} == {f"PenPalsSavedFrom{level}" for level in saved}


@pytest.mark.parametrize(
    ("fingerprint", "name"),
    [
        ("Linux 3.11 and newer; dist: 7; link: Ethernet or modem", "Linux"),
        ("Windows 7 or 8; dist: 9", "Windows-7"),
        ("Windows NT kernel 5.x; dist: 9", "Windows-NT"),
        ("Windows; dist: 9", "Windows"),
        ("Windows XP SP1+, 2000 SP3 (2)", "Windows-XP"),
        ("FreeBSD 6.x (1) (up: 10 hrs), (distance 3, link: ethernet/modem)", "FreeBSD"),
        ("MacOS X 10.9 or newer (sometimes iPhone or iPad)", "MacOS"),
        ("???; dist: 3", "UNKNOWN"),
        ("; dist: 3", "UNKNOWN"),
        ("UNKNOWN [65535:64:1:60:M1460] (up: 3 hrs)", "UNKNOWN"),
        ('a"b\\c.d{e} f', "a-b-c-d-e-"),
    ],
)
def test_systems(fingerprint: str, name: str, count: Count) -> None:
    """B16.10, B17.05: names as amavisd has them, of texts of p0f's versions 2 and 3 and of others."""
    found = count(Findings(os_fingerprint=fingerprint))
    assert {name: value for name, value in found.items() if "byOS" in name} == {f"ham.byOS.{name}": 1}


@pytest.mark.parametrize(
    ("category", "score", "kind"),
    [
        (Category(Major.VIRUS), None, {"virus"}),
        (Category(Major.CLEAN), 99.0, {"spam"}),
        (Category(Major.CLEAN), 2.0, {"ham"}),
        (Category(Major.CLEAN), 2.1, set()),
        (Category(Major.BANNED), None, set()),
        (Category(Major.UNCHECKED), None, {"ham"}),
    ],
)
def test_mail_by_system(category: Category, score: float | None, kind: set[str], count: Count) -> None:
    """B17.05: what a message counts as; nothing of our own side (B16.10)."""
    findings = Findings(
        (Finding(category, "X", "test"),), None if score is None else SpamScore(score), os_fingerprint="Linux"
    )
    found = count(findings, dispositions=(Disposition.DISCARDED,))
    assert {name for name in found if "byOS" in name} == {f"{word}.byOS.Linux" for word in kind}
    ours = count(findings, dispositions=(Disposition.DISCARDED,), session=Session(originating=True))
    assert not [name for name in ours if "byOS" in name]


def test_names_of_viruses_leave_room_for_others(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    file = CounterFile()
    tally = Tally(file)
    names = [f"V{number}" for number in range(CAPACITY)]
    for name in names:
        file.counts[tally._named("virus.byname.", name)] += 1
    assert len(file.counts) < CAPACITY - 200
    assert sum(file.counts.values()) == len(names)
    assert file.counts["virus.byname.others"] > 100


def test_failure(make_mail: MakeMail) -> None:
    """The client keeps the message: nobody has looked who its recipients are."""
    file = CounterFile()
    mail = make_mail(plain())
    Tally(file).failure(mail)
    assert file.counts == {
        "InMsgs": 1,
        "InMsgsSize": mail.size,
        "InMsgsRecips": 1,
        "InMsgsStatusTempFailed": 1,
    }


def test_defect_in_counting_is_nobodys_loss(make_mail: MakeMail, caplog: pytest.LogCaptureFixture) -> None:
    broken: Any = Inspection.__new__(Inspection)
    object.__setattr__(broken, "mail", make_mail(plain()))
    Tally(CounterFile()).message(broken, Outcome((), TAKEN))
    assert "cannot count the message" in caplog.text
