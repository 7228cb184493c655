"""Ways to damage archives, each decided by a generator of random numbers alone."""

import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from packers import NAME

_HOSTILE_NAMES = (
    *("../../x.", "../clam.", "/tmp/x.y", "..\\..\\x.", "C:\\a.exe", "-o/tmp/x", "--help..", "@listfil", "*.??????"),
    *("........", "./././..", "a/b/c/d/", "nul.exe.", "AUX:evil", "\n\nPath =", "\0\0\0\0\0\0\0\0", "a\0b.exe\0"),
    *("\x1b[2J\x1b[H", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", "p001....", "~root/.x", "$(id)...", "/dev/nul", "        "),
)
"""As long as the name of the member, or nearly so: most formats have the length elsewhere."""
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 64) - 1)
_MOST_LAYERS = 9
_MOST_OCTETS = 1 << 20

Archives = Mapping[str, bytes]
Damage = Callable[[bytes, random.Random, Sequence[bytes]], bytes]
"""What is damaged, and other archives."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """An archive that is no longer what a packer made."""

    name: str
    """Of the archive before."""
    damages: tuple[str, ...]
    octets: bytes

    @property
    def must_not_hide(self) -> bool:
        """Whether a member that is gone must be missed: then nothing but breaking was done to the archive."""
        if _CUTTING.intersection(self.damages) and self.name.endswith(_WITHOUT_END_MARK):
            return False
        return _BREAKING.issuperset(self.damages)

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(self.damages)}, {len(self.octets)} octets"


def damaged(archives: Archives, seed: str) -> Damaged:
    """One of the archives after one damage or several; the same for the same seed."""
    chance = random.Random(seed)
    name = chance.choice(list(archives))
    others = list(archives.values())
    octets = archives[name]
    damages = chance.choices(list(DAMAGES), k=chance.choice((1, 1, 1, 2, 3)))
    for damage in damages:
        octets = DAMAGES[damage](octets, chance, others)[:_MOST_OCTETS]
    return Damaged(name, tuple(damages), octets)


def _truncated(octets: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return octets[: chance.randrange(len(octets) or 1)]


def _flipped(octets: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(octets)
    for _turn in range(chance.choice((1, 1, 3, 10)) if octets else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _flipped_at_the_ends(octets: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Where most formats have what leads to the rest."""
    if chance.random() < 0.5:
        return _flipped(octets[:64], chance, others) + octets[64:]
    return octets[:-64] + _flipped(octets[-64:], chance, others)


def _other_number(octets: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Somewhere a length, an offset or a count that cannot be."""
    width = chance.choice((1, 2, 4, 4, 8))
    number = chance.choice((*_NUMBERS, len(octets), len(octets) + 1, max(len(octets) - 1, 0)))
    at = chance.randrange(max(len(octets) - width, 1))
    field = (number % (1 << 8 * width)).to_bytes(width, chance.choice(("little", "big")))
    return octets[:at] + field + octets[at + width :]


def _piece_again(octets: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start = chance.randrange(len(octets) or 1)
    piece = octets[start : start + chance.choice((1, 16, 512, len(octets)))]
    at = chance.randrange(len(octets) + 1)
    return octets[:at] + piece * chance.choice((1, 1, 20)) + octets[at:]


def _piece_missing(octets: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start = chance.randrange(len(octets) or 1)
    return octets[:start] + octets[start + chance.choice((1, 2, 16, 512)) :]


def _spliced(octets: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    return octets[: chance.randrange(len(octets) or 1)] + other[chance.randrange(len(other)) :]


def _followed(octets: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    return octets + chance.choice(others)


def _renamed(octets: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """A member has a name by which somebody could write elsewhere, or take it for an option."""
    name = chance.choice(_HOSTILE_NAMES)
    for encoding in ("latin-1", "utf-16-le", "utf-16-be"):
        octets = octets.replace(NAME.encode(encoding), name.encode(encoding))
    return octets


def _packed_again(octets: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Under hostile names, with checksums that are right."""
    for _turn in range(chance.choice((1, 1, 2, _MOST_LAYERS))):
        octets = chance.choice((_zipped, _tarred, _gzipped))(octets, chance.choice(_HOSTILE_NAMES))
    return octets


def _zipped(octets: bytes, name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), octets)
    return stream.getvalue()


def _tarred(octets: bytes, name: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        link = tarfile.TarInfo(name)
        link.type, link.linkname = tarfile.SYMTYPE, "/tmp"
        archive.addfile(link)
        member = tarfile.TarInfo(f"{name}/x")
        member.size = len(octets)
        archive.addfile(member, io.BytesIO(octets))
    return stream.getvalue()


def _gzipped(octets: bytes, _: str) -> bytes:
    return gzip.compress(octets, mtime=0)


DAMAGES: dict[str, Damage] = {
    "truncated": _truncated,
    "flipped": _flipped,
    "flipped at the ends": _flipped_at_the_ends,
    "other number": _other_number,
    "piece again": _piece_again,
    "piece missing": _piece_missing,
    "spliced": _spliced,
    "followed": _followed,
    "renamed": _renamed,
    "packed again": _packed_again,
}

_CUTTING = frozenset({"truncated", "piece missing"})
_BREAKING = _CUTTING | {"flipped", "flipped at the ends", "other number"}
"""Damages by which members get lost."""
_WITHOUT_END_MARK = (".a", ".deb", ".tar", ".lzh", ".rar")
"""Cut off behind a member they are whole archives again, and nobody can tell."""
