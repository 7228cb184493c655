"""What is given to a next hop in one transaction, and its commands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mailcordon.act.edit import EditedMessage
from mailcordon.errors import ProtocolError
from mailcordon.mail.envelope import Client, Envelope, Recipient

_XTEXT = re.compile(r"[!-*,-<>-~]*")
_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")
_LINE_BREAKING = "\r\n\0"
_XFORWARD_LINE = 512 - 2
UNAVAILABLE = "[UNAVAILABLE]"
Features = Mapping[str, str]
"""What the next hop offers: EHLO keyword in upper case, and its parameters."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One transaction: envelope, octets, and where the mail came from first."""

    envelope: Envelope
    message: EditedMessage
    client: Client | None = None
    """For XFORWARD; None for mail of our own."""
    international_header: bool = False
    """The header section holds text beyond ASCII, as the client announced with SMTPUTF8."""

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a hop that offers SMTPUTF8 may get it (RFC 6531 3.4)."""
        addresses = [recipient.address for recipient in self.envelope.recipients]
        return self.international_header or not (self.envelope.sender.isascii() and "".join(addresses).isascii())


def with_dsn(envelope: Envelope, *, propagate: bool, hide_success: bool) -> Envelope:
    """`envelope` with what the next hop may know of the notifications that the sender asked for (B7.08)."""
    if propagate and not hide_success:
        return envelope
    if not propagate:
        silent = tuple(Recipient(recipient.address) for recipient in envelope.recipients)
        return replace(envelope, recipients=silent, ret=None, envid=None)
    return replace(envelope, recipients=tuple(map(_without_success, envelope.recipients)))


def _without_success(recipient: Recipient) -> Recipient:
    if recipient.notify is None:
        return recipient
    kept = [word for word in recipient.notify.split(",") if word != "SUCCESS"]
    return recipient._replace(notify=",".join(kept) or "NEVER")


def mail_command(outgoing: Outgoing, features: Features) -> bytes:
    """MAIL FROM with the parameters that the hop understands (B7.02, B7.08)."""
    envelope = outgoing.envelope
    words = [f"MAIL FROM:<{envelope.sender}>"]
    if "SIZE" in features:
        words.append(f"SIZE={outgoing.message.size}")
    if "8BITMIME" in features and envelope.body_type:
        words.append(f"BODY={envelope.body_type}")
    if "SMTPUTF8" in features and (envelope.smtputf8 or outgoing.needs_smtputf8):
        words.append("SMTPUTF8")
    if "AUTH" in features and envelope.auth:
        words.append(f"AUTH={envelope.auth}")
    if "DSN" in features:
        words += [f"{name}={value}" for name, value in (("RET", envelope.ret), ("ENVID", envelope.envid)) if value]
    return command_line(" ".join(words))


def recipient_commands(recipients: Sequence[Recipient], features: Features) -> list[bytes]:
    """RCPT TO for each, with the parameters that the hop understands."""
    if "DSN" in features:
        return command_lines([f"RCPT TO:<{recipient.address}>{_dsn_parameters(recipient)}" for recipient in recipients])
    return command_lines([f"RCPT TO:<{recipient.address}>" for recipient in recipients])


def _dsn_parameters(recipient: Recipient) -> str:
    notify = f" NOTIFY={recipient.notify}" if recipient.notify else ""
    return f"{notify} ORCPT={recipient.orcpt}" if recipient.orcpt else notify


def xforward_commands(client: Client, features: Features) -> list[bytes]:
    """XFORWARD with every attribute that the hop takes, in lines of at most 512 octets.

    What is not known is said to be so: an attribute of an earlier message must not stick to this one.
    """
    address = f"IPV6:{client.addr}" if client.addr and ":" in client.addr else client.addr
    values = {
        "NAME": client.name,
        "ADDR": address,
        "PORT": str(client.port) if client.port else None,
        "PROTO": client.proto,
        "HELO": client.helo,
        "IDENT": client.ident,
        "SOURCE": client.source,
    }
    lines: list[str] = []
    current = "XFORWARD"
    for name in features.get("XFORWARD", "").upper().split():
        if name not in values:
            continue
        attribute = f" {name}={xtext(values[name] or UNAVAILABLE)}"
        if len(current) + len(attribute) > _XFORWARD_LINE:
            lines.append(current)
            current = "XFORWARD"
        current += attribute
    return [command_line(line) for line in [*lines, current] if line != "XFORWARD"]


def xtext(value: str) -> str:
    """RFC 3461 4."""
    if _XTEXT.fullmatch(value):
        return value
    octets = value.encode("utf-8", "surrogateescape")
    return _NOT_XTEXT.sub(lambda match: b"+%02X" % match.group()[0], octets).decode("ascii")


def xtext_decoded(value: str) -> str:
    """The text that `xtext` stands for; what is no xtext stays as it is."""
    octets = re.sub(
        rb"\+([0-9A-F]{2})",
        lambda match: bytes([int(match.group(1), 16)]),
        value.encode("utf-8", "surrogateescape"),
    )
    return octets.decode("utf-8", "surrogateescape")


def command_line(text: str) -> bytes:
    """`text` and its line end. ProtocolError if an address or parameter would make it two commands."""
    return command_lines([text])[0]


def command_lines(texts: Sequence[str]) -> list[bytes]:
    """The same for each of many."""
    # All together first: there may be hundreds of recipients, and next to never such an address.
    if _breaks_line("".join(texts)):
        text = next(filter(_breaks_line, texts))
        raise ProtocolError(f"refusing to send a command with a line break in it: {text!r}")
    return [f"{text}\r\n".encode("utf-8", "surrogateescape") for text in texts]


def _breaks_line(text: str) -> bool:
    return any(character in text for character in _LINE_BREAKING)
