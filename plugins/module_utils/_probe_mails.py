# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe mails: what each kind holds and what is expected to become of it.

The test strings are put together at run time, so that no virus scanner ever stops these sources.
"""

from __future__ import annotations

import base64
import email.utils
import io
import zipfile

# https://www.eicar.org/download-anti-malware-testfile/ and https://spamassassin.apache.org/gtube/
_EICAR = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
_GTUBE = ("XJS*C4JDBQADN1.NSBN3*2IDNEN*", "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X")
_HARMLESS = ["delivered", "passed"]
_BOUNDARY = "=_mailcordon_probe"
# Leading dots, blanks at line ends and empty lines: what a careless relay changes.
_TEXT = (
    "This mail was sent by the probe of the mail filter. It may be deleted.\r\n"
    ".\r\n"
    "..two dots, then a line that ends in blanks  \r\n"
    "\ta line that starts with a tab\r\n"
    "\r\n"
    "\r\n"
    "The end.\r\n"
)

KINDS = {
    "clean": _HARMLESS,
    "eicar": ["blocked:INFECTED"],
    "eicar_base64": ["blocked:INFECTED"],
    "eicar_zip": ["blocked:INFECTED"],
    "eicar_zip_zip": ["blocked:INFECTED"],
    "twin": _HARMLESS,
    "twin_base64": _HARMLESS,
    "twin_zip": _HARMLESS,
    "twin_zip_zip": _HARMLESS,
    "gtube": ["blocked:SPAM"],
    "twin_gtube": _HARMLESS,
    "banned": ["blocked:BANNED"],
    "banned_zip": ["blocked:BANNED"],
    "twin_banned": _HARMLESS,
    "twin_banned_zip": _HARMLESS,
}
HEADER_FIELD = "X-Mailcordon-Probe"


class ProbeMail(object):
    """One mail: kind, token, Message-ID, and its bytes with CRLF line ends."""

    def __init__(self, kind, token, sender, recipient):
        self.kind = kind
        self.token = token
        self.message_id = "<%s@%s>" % (token, sender.rpartition("@")[2] or "localhost")
        header, body = _content(kind)
        fields = [
            "Date: %s" % email.utils.formatdate(localtime=True),
            "From: Mail filter probe <%s>" % sender,
            "To: <%s>" % recipient,
            "Subject: Probe of the mail filter (%s)" % kind,
            "Message-ID: %s" % self.message_id,
            "%s: %s" % (HEADER_FIELD, token),
            "MIME-Version: 1.0",
        ]
        self.body = body
        self.data = ("\r\n".join(fields + header) + "\r\n\r\n").encode("ascii") + body

    def body_matches(self, message):
        """Whether a delivered message, with LF line ends, has the body that was sent."""
        dummy, found, body = message.partition(b"\n\n")
        return bool(found) and body == self.body.replace(b"\r\n", b"\n")


def _content(kind):
    """The MIME header fields and the body of a kind."""
    harmless = kind.startswith("twin")
    if kind == "clean":
        return _text_fields(), _TEXT.encode("ascii")
    if kind in ("gtube", "twin_gtube"):
        line = _joined(_GTUBE, harmless)
        return _text_fields(), (_TEXT + line + "\r\n").encode("ascii")
    form = kind.partition("_")[2]
    if "banned" in kind:
        # The same two extensions; what counts is which one is the last.
        name = "probe.scr.txt" if harmless else "probe.txt.scr"
        payload = _TEXT.encode("ascii")
    else:
        # A name that no rule about attachment names minds.
        name = "probe.dat"
        payload = _joined(_EICAR, harmless).encode("ascii")
    for _dummy in range(form.count("zip")):
        payload = _zipped(name, payload)
        name = "probe.zip"
    return _multipart(name, payload, plain=form in ("", "banned"))


def _joined(halves, harmless):
    """The test string; harmless is the same with one letter changed."""
    second = halves[1].replace("-TEST-", "-TESS-") if harmless else halves[1]
    return halves[0] + second


def _zipped(name, payload):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, payload)
    return out.getvalue()


def _text_fields():
    return ["Content-Type: text/plain; charset=us-ascii", "Content-Transfer-Encoding: 7bit"]


def _multipart(name, payload, plain):
    if plain:
        encoding, content = "7bit", payload.decode("ascii")
    else:
        encoding, content = "base64", base64.encodebytes(payload).decode("ascii").strip().replace("\n", "\r\n")
    lines = ["--" + _BOUNDARY]
    lines += _text_fields() + ["", _TEXT, "--" + _BOUNDARY]
    lines += [
        "Content-Type: application/octet-stream; name=%s" % name,
        "Content-Disposition: attachment; filename=%s" % name,
        "Content-Transfer-Encoding: " + encoding,
        "",
        content,
        "--%s--" % _BOUNDARY,
        "",
    ]
    return ['Content-Type: multipart/mixed; boundary="%s"' % _BOUNDARY], "\r\n".join(lines).encode("ascii")
