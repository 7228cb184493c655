"""What is given to a next hop in one transaction, and its commands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailcordon.act.edit import EditedMessage
from mailcordon.errors import ProtocolError
from mailcordon.mail.envelope import Client, Envelope, Recipient

_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")
_LINE_BREAKING = re.compile(rb"[\r\n\x00]")
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

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address cannot be written in ASCII."""
        addresses = (self.envelope.sender, *(recipient.address for recipient in self.envelope.recipients))
        return not all(address.isascii() for address in addresses)


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
    if "DSN" in features:
        words += [f"{name}={value}" for name, value in (("RET", envelope.ret), ("ENVID", envelope.envid)) if value]
    return command_line(" ".join(words))


def recipient_command(recipient: Recipient, features: Features) -> bytes:
    """RCPT TO with the parameters that the hop understands."""
    words = [f"RCPT TO:<{recipient.address}>"]
    if "DSN" in features:
        pairs = (("NOTIFY", recipient.notify), ("ORCPT", recipient.orcpt))
        words += [f"{name}={value}" for name, value in pairs if value]
    return command_line(" ".join(words))


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
    octets = text.encode("utf-8", "surrogateescape")
    if _LINE_BREAKING.search(octets):
        raise ProtocolError(f"refusing to send a command with a line break in it: {text!r}")
    return octets + b"\r\n"
