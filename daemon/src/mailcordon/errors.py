"""The one tree of exceptions.

Everything the daemon raises on purpose derives from `MailcordonError`. What reaches the mail path as any other
exception is a defect; the pipeline still answers it with 4xx, so that Postfix keeps the mail (design rule 1).
"""

import errno
from collections.abc import Sequence

_STORAGE_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM})


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

    where = "processing"
    """What failed, for the reply `<where> FAILED: <why>` (B6.07)."""

    @property
    def storage_full(self) -> bool:
        """Whether it was caused by a full disk or the like, which gets a reply of its own (RFC 5321 4.2.3: 452)."""
        return isinstance(self.__cause__, OSError) and self.__cause__.errno in _STORAGE_FULL


class ScannerError(TemporaryError):
    """A scanner gave no verdict: down, slow, or an answer that cannot be understood."""

    where = "scan"


class ScannerTimeoutError(ScannerError):
    """A scanner gave no verdict within its time."""


class EndlessScanError(ScannerError):
    """A scanner does not come to an end with this message, while it scans others: trying again would not help."""


class UnpackError(TemporaryError):
    """No decoder process could be had: none starts, or all are busy for too long."""

    where = "parts_decode"


class SpoolError(TemporaryError):
    """The message could not be stored."""

    where = "spool"


class OverloadError(SpoolError):
    """Messages of more octets than `max_bytes_per_worker` came at the same time."""

    storage_full = True


class QuarantineError(TemporaryError):
    """The quarantine copy could not be made durable (contract B10.09: fatal for the message, nothing is lost)."""

    where = "quarantine"


class StoreError(TemporaryError):
    """The data base gave no answer, or not the one that is needed; also its file or its account is wrong."""

    where = "sql"


class ReleaseError(MailcordonError):
    """A mail cannot be released from quarantine; `str()` is what the client is told (B1.35)."""


class TemplateError(MailcordonError):
    """A template of a notification is wrong, or failed; carries file, line and reason."""


class UnreadableMessageError(MailcordonError):
    """A message given to `mailcordon scan` cannot be read."""


class LimitReachedError(MailcordonError):
    """Unpacking would cost more than the configuration allows (B13.04); `str()` is the reason for the HOLD."""


class CannotDecodeError(MailcordonError):
    """An archive or document is broken, or of a kind that nobody here can open."""


class HookError(MailcordonError):
    """A plugin asked for something that is not possible."""


class StartupError(MailcordonError):
    """The daemon cannot start: port taken, directory not writable, no worker came up."""
