"""What is counted about mail that goes out (features 13.08). One object a worker."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from mailcordon.mail.reply import Reply


class Purpose(Enum):
    """Why a message goes out; values are those of B17.03."""

    RELAY = "Relay"
    QUARANTINE = "SubmitQuar"
    """Into a quarantine somewhere else, or out of one."""
    DSN = "SubmitDsn"
    NOTICE = "SubmitNotif"
    REPORT = "SubmitArf"

    @property
    def word(self) -> str:
        """How the log names it (B8.08)."""
        return "FWD" if self is Purpose.RELAY else "SEND"


@dataclass(slots=True)
class OutgoingCounters:
    """Every transaction is the first of a new session, or on one that is reused, or probed and reused."""

    messages: int = 0
    """Copies that a hop was asked to take, one for each group of recipients with equal copies."""
    new: int = 0
    reuse_recent: int = 0
    reuse_refreshed: int = 0
    reuse_fail: int = 0
    quit: int = 0
    notices: int = 0
    """Notices to administrators and recipients."""
    notice_fails: int = 0
    """Those that could not be sent."""
    by_purpose: dict[str, int] = field(default_factory=dict)
    """What else is counted of each message, by name (B17.03)."""

    def sent(self, purpose: Purpose, protocol: str, size: int, replies: Sequence[Reply]) -> None:
        """A message has been given to a hop, or was meant to be. `size` in octets."""
        self.messages += 1
        kind = "Relay" if purpose is Purpose.RELAY else "Submit"
        names = [kind, f"Proto{protocol.upper()}", f"Proto{protocol.upper()}{kind}"]
        if kind == "Submit" and purpose is not Purpose.NOTICE:
            names.append(purpose.value)
        self._add("OutMsgsSize", size)
        for name in names:
            self._add(f"OutMsgs{name}", 1)
            self._add(f"OutMsgsSize{name}", size)
        if any(reply.ok for reply in replies):
            self._add("OutMsgsDelivers", 1)
        if any(reply.temporary for reply in replies):
            self._add("OutMsgsAttemptFails", 1)
        if any(not reply.ok and not reply.temporary for reply in replies):
            self._add("OutMsgsRejects", 1)

    def _add(self, name: str, amount: int) -> None:
        self.by_purpose[name] = self.by_purpose.get(name, 0) + amount

    @property
    def transact(self) -> int:
        """MAIL commands."""
        return self.new + self.reuse_recent + self.reuse_refreshed

    def by_name(self) -> dict[str, int]:
        """The counters under the names that monitoring tools know."""
        return {
            "OutMsgs": self.messages,
            "OutConnNew": self.new,
            "OutConnReuseRecent": self.reuse_recent,
            "OutConnReuseRefreshed": self.reuse_refreshed,
            "OutConnReuseFail": self.reuse_fail,
            "OutConnTransact": self.transact,
            "OutConnQuit": self.quit,
            "OutMsgsSubmitNotif": self.notices,
            "OutMsgsSubmitNotifFails": self.notice_fails,
            **self.by_purpose,
        }
