"""Which parts nobody but the recipient can read (B13.05: UNCHECKED,1)."""

from mailcordon.mail.part import Part
from mailcordon.unpack.transfer import decode

_HEAD = 1024
"""Octets of a body that are looked at."""
_PKCS7_MIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
ENCRYPTED_CMS = tuple(
    bytes.fromhex(identifier)
    for identifier in (
        "06092a864886f70d010703",  # enveloped-data (RFC 5652)
        "06092a864886f70d010706",  # encrypted-data
        "060b2a864886f70d0109100117",  # authenticated-enveloped-data (RFC 5083)
    )
)
_ARMOURED = b"-----BEGIN PGP MESSAGE-----"


def is_encrypted(octets: memoryview, part: Part) -> bool:
    """Whether `part` of the message `octets`, read to its end, is encrypted by S/MIME (RFC 8551) or OpenPGP (RFC 3156).

    Members of archives are not meant here; decoders know about them.
    """
    if part.content_type == "multipart/encrypted":
        return True
    if part.content_type in _PKCS7_MIME:
        head = _head(octets, part)
        return any(identifier in head[:64] for identifier in ENCRYPTED_CMS)
    if part.content_type.startswith("text/"):
        return (b"\n" + _head(octets, part).lstrip()).find(b"\n" + _ARMOURED) >= 0
    return False


def _head(octets: memoryview, part: Part) -> bytes:
    return decode(octets[part.body_start : min(part.end, part.body_start + _HEAD)], part.encoding)
