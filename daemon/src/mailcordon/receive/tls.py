"""TLS of the server: its certificate, and the way of a connection from plain to encrypted (B6.10, features 13b).

Clients are not asked for certificates; a self-signed certificate of our own is good enough for most of them.
"""

import asyncio
import logging
import ssl

from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError

log = logging.getLogger(__name__)

HANDSHAKE_LIMIT = 30.0
"""Seconds that a client has for the TLS handshake."""


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """What the handshakes need, None when no listener offers TLS.

    Raises StartupError (one line: which setting, which file, why) when certificate and key cannot be used.
    """
    if not settings.offers_tls:
        return None
    certificate, key = settings.smtpd_tls_cert_file, settings.smtpd_tls_key_file
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password of ours, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        reason = f"{error.reason or error}".lower().replace("_", " ")
        raise StartupError(
            f"smtpd_tls_cert_file: {certificate} and smtpd_tls_key_file: {key} are not a certificate with its key "
            f"without a password, both in PEM: {reason}"
        ) from None
    except OSError as error:
        raise StartupError(
            f"smtpd_tls_cert_file: {certificate}, smtpd_tls_key_file: {key}: cannot be read: {error.strerror}"
        ) from None
    return context


async def upgrade(
    transport: asyncio.Transport, protocol: asyncio.Protocol, context: ssl.SSLContext, peer: str
) -> asyncio.Transport | None:
    """Encrypt a connection whose client was told to begin; None when the handshake fails, then it is aborted.

    Nothing may read from `transport` any more: what comes next belongs to the handshake. `peer` is for the log.
    """
    loop = asyncio.get_running_loop()
    try:
        secured = await loop.start_tls(
            transport, protocol, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_LIMIT
        )
    except OSError as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror or error
        log.info("TLS handshake with client %s failed: %s", peer, reason)
        transport.abort()
        return None
    if secured is None:  # the connection went while the handshake was made
        return None
    name, version, _ = secured.get_extra_info("cipher")
    log.info("TLS established with client %s: %s, %s", peer, version, name)
    return secured
