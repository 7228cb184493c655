"""SMTP replies."""

from typing import NamedTuple


class Reply(NamedTuple):
    """One SMTP or LMTP reply (RFC 5321 4.2, RFC 2034): code, enhanced code such as `2.6.0`, text without either."""

    code: int
    enhanced: str
    text: str

    def __str__(self) -> str:
        head = f"{self.code} {self.enhanced}" if self.enhanced else str(self.code)
        return f"{head} {self.text}"

    @property
    def ok(self) -> bool:
        """2xx: responsibility for the mail was taken."""
        return 200 <= self.code < 300

    @property
    def temporary(self) -> bool:
        """4xx: the client keeps the mail and tries again."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5xx: the mail is refused for good."""
        return 500 <= self.code < 600
