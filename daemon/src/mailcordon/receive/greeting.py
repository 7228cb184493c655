"""What the server says of itself: banners (B6.01), and what it offers to EHLO and LHLO (B6.02)."""

from collections.abc import Sequence

from mailcordon import __version__
from mailcordon.config.banner import fill
from mailcordon.config.settings import Settings
from mailcordon.mail.reply import Reply
from mailcordon.receive.replies import render, render_lines
from mailcordon.receive.xforward import ATTRIBUTES as XFORWARD_ATTRIBUTES


def host_name(settings: Settings, local_addr: str | None) -> str:
    """The bracketed local address, or our name where there is none."""
    if local_addr is None:
        return settings.localhost_name
    return f"[IPv6:{local_addr}]" if ":" in local_addr else f"[{local_addr}]"


def greeting(settings: Settings, host: str) -> bytes:
    """The first line of all."""
    return render(Reply(220, "", _fill(settings.smtpd_greeting_banner, settings, host)))


def closing(settings: Settings, host: str) -> bytes:
    """The reply to QUIT."""
    return render(Reply(221, "2.0.0", _fill(settings.smtpd_quit_banner, settings, host)))


def capabilities(settings: Settings, host: str, *, starttls: bool, auth: Sequence[str] = ()) -> bytes:
    """The reply to EHLO and LHLO with the mechanisms of `auth`, without the keywords that `settings` withhold."""
    limit = settings.size_limit_for_all
    offers = [
        "VRFY",
        "PIPELINING",
        f"SIZE {limit}" if limit else "SIZE",
        "ENHANCEDSTATUSCODES",
        "8BITMIME",
        "SMTPUTF8",
        "DSN",
        *(["STARTTLS"] if starttls else []),
        *([f"AUTH {' '.join(auth)}"] if auth else []),
        f"XFORWARD {XFORWARD_ATTRIBUTES}",
    ]
    withheld = settings.smtpd_discard_ehlo_keywords
    if withheld:
        offers = [offer for offer in offers if offer.partition(" ")[0] not in withheld]
    return render_lines(250, [line.encode() for line in (host, *offers)])


def _fill(banner: str, settings: Settings, host: str) -> str:
    return fill(
        banner,
        {
            "helo-name": host,
            "protocol": "ESMTP",
            "product": settings.myproduct_name,
            "version": __version__,
        },
    )
