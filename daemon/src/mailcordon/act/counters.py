"""What is counted about mail that goes out (features 13.08). One object a worker."""

from dataclasses import dataclass


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
        }
