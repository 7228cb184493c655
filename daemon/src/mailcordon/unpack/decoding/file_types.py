"""What a file is: by libmagic, and by a look of our own where that does not say enough (B12.07, features 7.07)."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mailcordon.unpack.decoding.cms_decoder import is_cms
from mailcordon.unpack.decoding.mail_types import is_mail
from mailcordon.unpack.decoding.ole_types import ole_types
from mailcordon.unpack.decoding.onenote import MAGIC as ONENOTE
from mailcordon.unpack.decoding.script_types import LOOKED_AT, script_type
from mailcordon.unpack.decoding.type_map import TypeRule, built_in_rules, types_of
from mailcordon.unpack.decoding.uuencode import looks_uuencoded
from mailcordon.unpack.decoding.zip_structure import read_zip_structure
from mailcordon.unpack.decoding.zip_types import HEAD, zip_types

DESCRIBED = 128 * 1024
"""Octets of the beginning by which libmagic knows a file. It would read up to 7 MiB, into memory that is new in each
child; what it looks for furthest down are file systems of discs, at 37 KiB."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TEXTS = frozenset({"txt", "asc", "html", "xml"})
_DISGUISABLE = frozenset({"dat"})
"""Types of which a script is, too, when its octets are not all of a text."""


class FileTypes:
    """Looks at files. Loads libmagic and its table at once, so that neither is needed when the process is confined."""

    def __init__(self, rules: Sequence[TypeRule] = ()) -> None:
        """`rules` come before those of `type_map` (setting map_full_type_to_short_type)."""
        import magic

        self._magic = magic.Magic()
        with suppress(NotImplementedError):  # libmagic before 5.21
            self._magic.setparam(magic.MAGIC_PARAM_BYTES_MAX, DESCRIBED)
        self._failure: type[Exception] = magic.MagicException
        self._rules = (*rules, *built_in_rules())

    def look(self, file: Path, name: str, declared_type: str) -> tuple[tuple[str, ...], str]:
        """Short types and libmagic's description of `file`, which was sent as `name` and as this MIME type."""
        description = self._describe(file)
        types = list(types_of(description, self._rules))
        with open(file, "rb") as stream:
            head = stream.read(LOOKED_AT)
        if "uue" in types and not looks_uuencoded(head):
            types = ["asc"]
        types += [short for short in self._own_look(file, head, types, name, declared_type) if short not in types]
        return tuple(types), description

    def _describe(self, file: Path) -> str:
        try:
            return self._magic.from_file(str(file)).strip()
        except (self._failure, OSError) as error:
            return f"ERROR: {error}"

    def _own_look(
        self, file: Path, head: bytes, types: Sequence[str], name: str, declared_type: str
    ) -> tuple[str, ...]:
        if head.startswith(_OLE):
            return ("doc", *ole_types(file))
        if head.startswith(ONENOTE):
            return ("one",)
        # A zip file may have anything in front of it; programs open it all the same.
        if (zipped := read_zip_structure(file)) is not None and (zipped.entries or "zip" in types):
            return ("zip", *zip_types(zipped, head[:HEAD]))
        found: list[str | None] = []
        if types == ["dat"] and name.lower().endswith(".lzma"):
            found.append("lzma")  # its header has nothing to be known by, libmagic knows the usual ones
        if not _TEXTS.isdisjoint(types) or (not _DISGUISABLE.isdisjoint(types) and b"\0" not in head[:LOOKED_AT:2]):
            found.append(script_type(head, name, declared_type, is_html="html" in types))
        if is_mail(head, name, declared_type):
            found.append("mail")
        elif is_cms(head):
            found.append("p7m")
        return tuple(filter(None, found))
