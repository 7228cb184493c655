"""AUTH PLAIN and AUTH LOGIN on the server's side (RFC 4954, RFC 4616; B6.02, B6.04)."""

import base64
import binascii
from dataclasses import dataclass

from mailcordon.receive.replies import BAD_SASL_RESPONSE, SASL_CANCELLED, CommandError

_CANCEL = "*"
_EMPTY = "="
_PROMPTS = ("Username:", "Password:")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client says of itself."""

    user: str
    password: str


class SaslExchange:
    """One AUTH command with the responses that follow it."""

    def __init__(self, mechanism: str) -> None:
        """`mechanism` is PLAIN or LOGIN."""
        self._mechanism = mechanism
        self._user: str | None = None

    def begin(self, initial: str) -> Credentials | bytes:
        """The credentials if the command brought them all, else the challenge. Raises CommandError."""
        if initial:
            return self.respond("" if initial == _EMPTY else initial)
        return b"334 \r\n" if self._mechanism == "PLAIN" else _prompt(0)

    def respond(self, response: str) -> Credentials | bytes:
        """The client's answer to a challenge. Raises CommandError; the exchange is over then."""
        if response == _CANCEL:
            raise CommandError(SASL_CANCELLED)
        text = _decoded(response)
        if self._mechanism == "PLAIN":
            return _plain(text)
        if self._user is None:
            self._user = text
            return _prompt(1)
        return Credentials(self._user, text)


def _prompt(number: int) -> bytes:
    return b"334 " + base64.b64encode(_PROMPTS[number].encode()) + b"\r\n"


def _decoded(response: str) -> str:
    try:
        return base64.b64decode(response, validate=True).decode()
    except (ValueError, binascii.Error):
        raise CommandError(BAD_SASL_RESPONSE) from None


def _plain(text: str) -> Credentials:
    words = text.split("\0")
    # Nobody may act for somebody else here.
    if len(words) != 3 or words[0] not in {"", words[1]}:
        raise CommandError(BAD_SASL_RESPONSE)
    return Credentials(words[1], words[2])
