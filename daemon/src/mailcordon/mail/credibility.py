"""Whether the sender of a mail is taken for the one whom the envelope names (features 14.03, 14.04)."""

from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail


def credibility(mail: Mail, findings: Findings) -> str:
    """Why he is, for the log; empty when nothing speaks for him. What a mail says of itself proves nothing."""
    reasons = (
        (findings.sender_credible, bool(findings.sender_credible)),
        ("originating", mail.session.originating),
        ("dkim_envsender_sig", mail.dkim_envsender_sig),
    )
    return ",".join(reason for reason, holds in reasons if holds)
