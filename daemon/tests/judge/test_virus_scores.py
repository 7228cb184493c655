"""Names of viruses that mean spam (contract B14.05, B9.09)."""

from collections.abc import Callable

import pytest

from mailcordon.config.policy import policies_for
from mailcordon.config.settings import Settings
from mailcordon.judge.judge import judge
from mailcordon.judge.virus_scores import with_virus_scores
from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Verdict

VIRUS = Category(Major.VIRUS)
SCORES = {"regexp": [["^Phishing\\.", 3.5], ["^Sanesecurity", 0.1]]}


def found(*names: str, score: float | None = None) -> Findings:
    """What a scanner found."""
    spam = None if score is None else SpamScore(score, (("A", score),), "no")
    return Findings(tuple(Finding(VIRUS, name, "clamd") for name in names), spam, virus_checked=True)


@pytest.fixture
def judged(make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]) -> Callable[..., Verdict]:
    """Judges what was found, with all checks on."""

    def run(findings: Findings) -> Verdict:
        settings = make_settings(
            bypass_virus_checks=False, bypass_spam_checks=False, virus_name_to_spam_score=SCORES, spam_tag_level=-9
        )
        mail = make_mail(b"From: a@b.test\r\n\r\nx\r\n")
        policies = policies_for(settings, mail.envelope.recipients)
        (verdict,) = judge(mail, with_virus_scores(findings, settings), policies, settings)
        return verdict

    return run


def test_points_instead_of_a_virus(judged: Callable[..., Verdict]) -> None:
    """Contract B14.05, B9.09: shown as AV:<name> among the tests, also without a spam scanner."""
    verdict = judged(found("Phishing.Bank", score=1))
    assert verdict.blocking is None
    assert verdict.score == 4.5
    status = dict(verdict.edits.prepend)["X-Spam-Status"]
    assert "score=4.5 " in status
    assert "tests=[A=1, AV:Phishing.Bank=3.5] autolearn=no" in status
    alone = judged(found("Phishing.A", "Phishing.B"))
    assert (alone.score, alone.main) == (7, Category(Major.SPAM))
    assert "X-Amavis-Alert" not in dict(alone.edits.prepend)


def test_real_viruses_stay(judged: Callable[..., Verdict]) -> None:
    """The twin: a name that the table does not know is a virus, whatever else was found."""
    verdict = judged(found("Phishing.Bank", "Eicar", score=1))
    assert (verdict.main, verdict.blocking) == (VIRUS, VIRUS)
    assert verdict.reason.endswith("INFECTED: Eicar")
    assert judged(found("Eicar")).score is None


def test_nothing_to_do(make_settings: Callable[..., Settings]) -> None:
    """As packaged no name means spam."""
    findings = found("Phishing.Bank")
    assert with_virus_scores(findings, make_settings()) is findings
