"""The score of a message for the recipients of one policy."""

from mailcordon.config.policy import Policy
from mailcordon.mail.finding import Findings


def score_for(findings: Findings, policy: Policy, bonus: float = 0.0) -> float | None:
    """The message's score, other points and those of the soft lists; these count without a spam check, too (features
    6.13). `bonus`: points that it is better for, as the recipient knows the sender."""
    if policy.bypass_spam_checks:
        return None
    extra = [policy.sender.points, *(points for _, points in findings.points)]
    spam = findings.spam_for(policy.sa_username)
    if spam is None:
        return round(sum(extra) - bonus, 3) if any(extra) else None
    return round(spam.score + sum(extra) - bonus, 3)
