"""Whether and how the sender is told that mail was not delivered (B11.02)."""

from collections.abc import Sequence
from datetime import datetime

from mailcordon.act.courier import Courier, Handover
from mailcordon.act.dsn import FULL_MESSAGE_LIMIT, Failure, compose
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.timeouts import Deadline
from mailcordon.config.policy import Policy
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Major
from mailcordon.mail.envelope import Envelope, Recipient
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Verdict

_BULK = frozenset({"bulk", "list", "junk"})


class Notifier:
    """Sends non-delivery notifications to the sender of a mail."""

    def __init__(self, settings: Settings, courier: Courier) -> None:
        self._settings = settings
        self._courier = courier

    async def send(
        self, mail: Mail, failures: Sequence[Failure], deadline: Deadline, *, may_return_message: bool
    ) -> Handover:
        """One notification about all `failures`. `may_return_message`: nothing harmful was found in it.

        The answer tells whether the notification was taken over; if not, the sender does not know yet.
        """
        hop = self._settings.notify_method
        full = may_return_message and mail.envelope.ret == "FULL" and mail.size <= FULL_MESSAGE_LIMIT
        message = compose(
            mail,
            failures,
            hostname=self._settings.myhostname,
            hop=self._settings.forward_method,
            now=datetime.now().astimezone(),
            full=full,
        )
        envelope = Envelope(
            sender="",
            recipients=(Recipient(mail.envelope.sender, notify="NEVER"),),
            body_type=None if message.is_ascii() else "8BITMIME",
            smtputf8=not all(failure.recipient.address.isascii() for failure in failures),
        )
        (handover,) = await self._courier.send(mail, Outgoing(envelope, message), hop, deadline, word="SEND")
        return handover


def reason_not_to_notify(mail: Mail, verdict: Verdict, policy: Policy) -> str | None:
    """Why the sender is not to be told about this recipient; None when he is (B11.02, as far as it is known)."""
    notify = verdict.recipient.notify
    if not mail.envelope.sender:
        return "null sender"
    if notify is not None and "FAILURE" not in notify.upper().split(","):
        return f"NOTIFY={notify}"
    cutoff = policy.spam_dsn_cutoff_level
    if verdict.score is not None and cutoff is not None and verdict.score >= cutoff:
        return "spam score above the cutoff level"
    if verdict.main.major > Major.MTA and _is_bulk(mail.header):
        return "bulk mail"
    return None


def _is_bulk(header: HeaderSection) -> bool:
    precedence = (header.text("Precedence") or "").strip().lower()
    return precedence in _BULK or header.first("List-Id") is not None
