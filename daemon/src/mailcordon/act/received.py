"""Our own trace field (B9.06, RFC 5321 4.4)."""

import re
from email.utils import format_datetime

from mailcordon.config.settings import Settings
from mailcordon.mail.message import Mail

_NOT_IN_TRACE = re.compile(r"[^!#-'*+,\-./0-9:=?@A-Z\[\]^_`a-z{|}~]")
_INTERNATIONAL = {"ESMTP": "UTF8SMTP", "LMTP": "UTF8LMTP"}
"""Protocol names of a transaction with SMTPUTF8 (RFC 6531 4.3)."""
_REGISTERED = frozenset({"SMTP", "ESMTP", "ESMTPS", "LMTP", "LMTPS", "UTF8SMTP", "UTF8SMTPS", "UTF8LMTP", "UTF8LMTPS"})
"""Registered names (RFC 3848 and its registry); amavisd omits others."""


def received_field(mail: Mail, settings: Settings) -> str:
    """Body of the Received field, with folds."""
    session = mail.session
    source = _word(session.helo or "") or "unknown"
    if session.peer_addr:
        source += f" ([{_address(session.peer_addr)}])"
    if session.cipher:
        source += f" (using TLS with cipher {_comment(session.cipher)})"
    host = _word(settings.localhost_name)
    if session.local_addr:
        host += f" ({_word(settings.myhostname)} [{_address(session.local_addr)}])"
    port = f"port {session.local_port}" if session.local_port else "unix socket"
    protocol = session.protocol.upper()
    if mail.envelope.smtputf8:
        protocol = _INTERNATIONAL.get(protocol, protocol)
    if session.tls and protocol != "SMTP":
        protocol += "S"
    how = f"with {protocol} id {mail.mail_id}" if protocol in _REGISTERED else f"id {mail.mail_id}"
    if len(mail.envelope.recipients) == 1:
        # With several, each would learn of the others.
        how += f" for <{mail.envelope.recipients[0].address}>"
    lines = [
        f"from {source}",
        f"by {host} ({_comment(settings.myproduct_name)}, {port})",
        f"{how};",
        format_datetime(mail.received_at),
    ]
    return "\n ".join(lines)


def _word(text: str) -> str:
    return _NOT_IN_TRACE.sub("?", text)


def _comment(text: str) -> str:
    return re.sub(r"[()\\]", "?", text)


def _address(address: str) -> str:
    plain = _word(address)
    return f"IPv6:{plain}" if ":" in plain else plain
