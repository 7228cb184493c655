"""The one tree of exceptions.

Everything the daemon raises on purpose derives from `MailcordonError`. What reaches the mail path as any other
exception is a defect; the pipeline still answers it with 4xx, so that Postfix keeps the mail (design rule 1).
"""

from collections.abc import Sequence


class MailcordonError(Exception):
    """Base of all errors; `str()` is one line for people."""


class ConfigError(MailcordonError):
    """The configuration is not usable. Carries every problem found, each one line `FILE: key: what is wrong`."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class ProtocolError(MailcordonError):
    """A peer sent something that its protocol does not allow."""


class TemporaryError(MailcordonError):
    """Something needed for this message does not work now; the client is told to try again (4xx)."""


class ScannerError(TemporaryError):
    """A scanner gave no verdict: down, slow, or an answer that cannot be understood."""


class SpoolError(TemporaryError):
    """The message could not be stored: disk full, limit of the spool reached."""


class QuarantineError(TemporaryError):
    """The quarantine copy could not be made durable (contract B10.09: fatal for the message, nothing is lost)."""


class UnreadableMessageError(MailcordonError):
    """A message given to `mailcordon scan` cannot be read."""


class StartupError(MailcordonError):
    """The daemon cannot start: port taken, directory not writable, no worker came up."""
