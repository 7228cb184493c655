"""Edits of a header section as single changes, for a client that makes them itself (B1.20)."""

from collections.abc import Iterator, Sequence

from mailcordon.act.authserv import AUTHENTICATION_RESULTS, is_from
from mailcordon.act.edit import subject_with
from mailcordon.act.fate import Fate
from mailcordon.act.fields import make_field
from mailcordon.mail.header import HeaderChange, HeaderEdits, HeaderField, HeaderSection
from mailcordon.mail.message import Mail


def header_changes(mail: Mail, fates: Sequence[Fate], *, place: int) -> tuple[HeaderChange, ...]:
    """The changes in their order; new fields come to `place`, the topmost one is inserted last.

    All recipients get the same mail from such a client: the one for whom the most was found decides.
    """
    delivered = [fate.verdict for fate in fates if fate.is_delivered]
    if not delivered:
        return ()
    verdict = max(delivered, key=lambda verdict: (verdict.main, len(verdict.edits.prepend)))
    return tuple(_changes(mail.header, verdict.edits, place))


def _changes(header: HeaderSection, edits: HeaderEdits, place: int) -> Iterator[HeaderChange]:
    numbered = _numbered(header)
    # From the last to the first: where a removal makes the others move up, their numbers stay right.
    for field, number in reversed(numbered):
        if _goes(field, edits):
            yield HeaderChange(field.name, number, None)
    if edits.subject_prefix is not None:
        subjects = [field for field, _ in numbered if field.name.lower() == "subject"]
        if subjects:
            original = header.octets[subjects[0].start : subjects[0].end]
            yield HeaderChange("Subject", 1, _body(subject_with(original, edits.subject_prefix)))
        else:
            yield HeaderChange("Subject", place, edits.subject_prefix.rstrip(), is_new=True)
    for name, body in reversed(edits.prepend):
        yield HeaderChange(name, place, _body(make_field(name, body)), is_new=True)


def _numbered(header: HeaderSection) -> list[tuple[HeaderField, int]]:
    """The fields, each with its number among those of its name."""
    counts: dict[str, int] = {}
    numbered = []
    for field in header.fields:
        name = field.name.lower()
        counts[name] = counts.get(name, 0) + 1
        numbered.append((field, counts[name]))
    return numbered


def _goes(field: HeaderField, edits: HeaderEdits) -> bool:
    name = field.name.lower()
    if name in edits.remove:
        return True
    whole = name.encode() + b":" + field.body
    return bool(edits.authserv_id) and name == AUTHENTICATION_RESULTS and is_from(edits.authserv_id, whole)


def _body(field: bytes) -> str:
    """What follows the colon and one blank, its lines parted by LF."""
    body = field.partition(b":")[2].removeprefix(b" ")
    return body.replace(b"\r\n", b"\n").rstrip(b"\n").decode("utf-8", "surrogateescape")
