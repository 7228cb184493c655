"""Messages with archives: what comes out, and that bombs end in bounded time, size and number (contracts B13.02 on)."""

import binascii
import gzip
import io
import logging
import stat
import zipfile
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from unpacking import MakeMail, MakeSettings, attached, is_empty, through, unpacker

from mailcordon.config.policy import policies_for_mail
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.mail.category import Category, Major
from mailcordon.mail.part import Part
from mailcordon.pipeline import Inspection, Pipeline
from mailcordon.unpack import decoded, split
from mailcordon.unpack.quota import quota_for
from mailcordon.unpack.unpacker import Unpacker
from samples import eicar, plain, with_attachment, zipped
from servers import Clamd

PROGRAM = b"MZ" + bytes(500)


def zeros(megabytes: int) -> bytes:
    """That many octets, compressed by gzip."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush each block looks the same.
    block = compressor.compress(bytes(1024 * 1024)) + compressor.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS).flush()
    return b"\x1f\x8b\x08" + bytes(7) + block * megabytes + end + bytes(8)


def many(files: int) -> bytes:
    """A zip archive with that many members."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for number in range(files):
            writer.writestr(f"f{number}", b"MZ")
    return archive.getvalue()


def nested(levels: int, octets: bytes = PROGRAM) -> bytes:
    """Octets in so many zip archives inside each other."""
    for _ in range(levels):
        octets = zipped(octets, "in.zip")
    return octets


# Whatever has a virus may be banned, too; and UNCHECKED is no matter without a virus scanner.
DEFAULTS = {"bypass_virus_checks": False, "bypass_banned_checks": True}
Inspect = Callable[..., Awaitable[Inspection]]


@pytest.fixture
def inspect(make_settings: MakeSettings, make_mail: MakeMail, clamd: Clamd) -> Inspect:
    """Takes a message through the whole pipeline with a virus scanner."""

    async def inspect(octets: bytes, **overrides: object) -> Inspection:
        scanners = [{"name": "clamd", "protocol": "clamd", "socket": clamd.path}]
        settings = make_settings(**{**DEFAULTS, "av_scanners": scanners, **overrides})
        pipeline = Pipeline(PolicyBanks(settings))
        try:
            return await pipeline.inspect(make_mail(octets))
        finally:
            await pipeline.close()
            assert is_empty(settings.TEMPBASE)

    return inspect


async def test_members_are_parts(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B13.06: below the part they came from, with types, names and size; files are numbered, 0640 in 0750."""
    settings = make_settings()
    octets = attached(("a.zip", zipped(zipped(PROGRAM, "../../x.exe"), "in.zip")), ("b.exe", PROGRAM))
    mail = make_mail(octets)
    root = split(mail.content.view()).root
    async with unpacker(settings) as unpacking:
        unpacked = await unpacking.unpack(mail, root, settings)
        parts = {part.location: part for part in root.walk()}
        assert list(parts) == ["1", "1.1", "1.2", "1.2.1", "1.2.1.1", "1.3"]
        program = parts["1.2.1.1"]
        assert (program.is_member, program.size, program.short_types) == (True, len(PROGRAM), ("exe", "exe-ms"))
        assert program.names == ("../../x.exe",)
        assert parts["1.3"].short_types == ("exe", "exe-ms")
        assert parts["1.2"].short_types == ("zip",)
        assert program.file is not None
        assert program.file.name.startswith("p0")
        assert program.file.read_bytes() == PROGRAM
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (program.file.parent, program.file)]
        assert modes == [0o750, 0o640]
        # What was emptied needs no scan of its own.
        assert parts["1.2"].file is None
        assert unpacked.findings == ()
        assert len(unpacked.decoders) == 2
        await unpacked.close()
        assert program.file is None
    assert is_empty(settings.TEMPBASE)


async def test_keep_decoded_original(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B13.02: by libmagic's description; as packaged an archive of which all came out is not kept."""
    kept = []
    for lookup in ([{"regexp": ["^Zip archive"]}], [{"regexp": ["^gzip"]}]):
        settings = make_settings(keep_decoded_original=lookup)
        mail = make_mail(attached(("a.zip", zipped(PROGRAM, "x.exe"))))
        root = split(mail.content.view()).root
        async with unpacker(settings) as unpacking:
            unpacked = await unpacking.unpack(mail, root, settings)
            kept.append([part.location for part in root.walk() if part.file])
            await unpacked.close()
    assert kept == [["1.2", "1.2.1"], ["1.2.1"]]


async def test_own_rules_for_types_hold_for_plain_texts(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B12.07, features 5.47: libmagic is asked about each part once there are rules for what it says; without
    any, plain texts are known by a cheap look."""
    types = []
    for rules in ([], [["^ASCII text", ["note"]], ["^empty", "void"]]):
        settings = make_settings(map_full_type_to_short_type_re=rules)
        mail = make_mail(attached(("a.txt", b"Hello\r\n"), ("b.txt", b"")))
        root = split(mail.content.view()).root
        async with unpacker(settings) as unpacking:
            unpacked = await unpacking.unpack(mail, root, settings)
            types.append([part.short_types for part in root.children])
            await unpacked.close()
    assert types == [[("asc",), ("asc",), ("empty",)], [("note",), ("note",), ("void",)]]


async def test_a_text_is_decoded_once(
    make_settings: MakeSettings, make_mail: MakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that the cheap look leaves to a decoder process."""
    settings = make_settings()
    asked: list[str] = []

    def decoded_and_noted(octets: memoryview, part: Part) -> bytes:
        asked.append(part.location)
        return decoded(octets, part)

    monkeypatch.setattr("mailcordon.unpack.unpacker.decoded", decoded_and_noted)
    mail = make_mail(plain(b"#!/bin/sh\r\necho\r\n"))
    root = split(mail.content.view()).root
    async with unpacker(settings) as unpacking:
        await (await unpacking.unpack(mail, root, settings)).close()
    assert (asked, root.full_type) == (["1"], "POSIX shell script, ASCII text executable, with CRLF line terminators")


def test_quota(make_settings: MakeSettings) -> None:
    """Contract B13.03: by the size of the message, between a least and a most."""
    settings = make_settings()
    sizes = [100, 1000, 100_000, 10_000_000, 100_000_000]
    assert [quota_for(size, settings).octets for size in sizes] == [
        100 * 1024,
        500_000,
        50_000_000,
        300 * 1024 * 1024,
        500_000_000,
    ]


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (many(30), "Maximum number of files (20) exceeded"),
        (zeros(20), "Exceeded storage quota 4194304 bytes"),
        (nested(10), "Maximum decoding depth (5) exceeded"),
    ],
    ids=["files", "octets", "levels"],
)
async def test_limits(make_settings: MakeSettings, make_mail: MakeMail, octets: bytes, problem: str) -> None:
    """Contract B13.03, B13.04: UNCHECKED,2 with the reason; what was found by then counts, and so does what stands
    beside it."""
    settings = make_settings(MAXLEVELS=5, MAXFILES=20, MAX_EXPANSION_QUOTA=4 * 1024 * 1024, MIN_EXPANSION_FACTOR=1)
    async with unpacker(settings) as unpacking:
        mail = make_mail(attached(("bomb", octets), ("a.zip", zipped(PROGRAM, "x.exe"))))
        found = await through(unpacking, mail, settings)
    assert found.problems == [f"UncheckedOverLimits: {problem}"]
    members = [part for part in found.root.walk() if part.is_member]
    assert 0 < len(members) <= 20
    assert sum(part.size or 0 for part in members) <= 4 * 1024 * 1024
    if "depth" in problem:
        assert found.types("x.exe") == ("exe", "exe-ms")


@pytest.mark.parametrize(
    "bomb",
    [zeros(10 * 1024), nested(1000), many(2000)],
    ids=["10 GB of zeros", "1000 levels", "2000 members"],
)
async def test_bombs(inspect: Inspect, bomb: bytes) -> None:
    """Features 7.10, contract B13.04: they end at the limits, never in a 4xx, and EICAR beside the bomb is found."""
    octets = attached(("bomb.bin", bomb), ("plain.com", eicar()))
    found = await inspect(octets, MAX_EXPANSION_QUOTA=32 * 1024 * 1024, MIN_EXPANSION_FACTOR=1)
    assert found.verdicts[0].main == Category(Major.VIRUS)
    assert Category(Major.UNCHECKED, 2) in [finding.category for finding in found.findings.found]


async def test_bomb_alone_passes(inspect: Inspect, caplog: pytest.LogCaptureFixture) -> None:
    """Contract B13.04: delivered with X-Amavis-Hold, as `final_unchecked_destiny` says; the log tells the reason."""
    with caplog.at_level(logging.INFO):
        found = await inspect(attached(("bomb.zip", nested(20))))
    (verdict,) = found.verdicts
    assert (verdict.main, verdict.blocking) == (Category(Major.UNCHECKED, 2), None)
    assert "Maximum decoding depth (14) exceeded" in dict(verdict.edits.prepend)["X-Amavis-Hold"]
    assert "(04711-01) NOTICE: HOLD reason: Maximum decoding depth (14) exceeded" in caplog.messages


async def test_own_copy(inspect: Inspect) -> None:
    """Features 7.10: an archive that holds itself again and again ends at the limits of depth or number."""
    level = PROGRAM
    for number in range(16):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
            for copy in range(2):
                writer.writestr(f"{number}-{copy}.zip", level)
        level = archive.getvalue()
    found = await inspect(attached(("quine.zip", level)), MAXFILES=200)
    assert found.verdicts[0].main == Category(Major.UNCHECKED, 2)


async def test_encrypted(inspect: Inspect) -> None:
    """Contract B13.05: UNCHECKED,1, and the member is listed."""
    archive = bytearray(zipped(PROGRAM, "secret.exe"))
    # General purpose flag, bit 0: encrypted; in the local header and in the central directory.
    archive[6] |= 1
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    found = await inspect(attached(("a.zip", bytes(archive))))
    assert found.verdicts[0].main == Category(Major.UNCHECKED, 1)
    (member,) = [part for part in found.root.walk() if part.is_member]
    assert (member.names, "C" in member.attributes) == (("secret.exe",), True)


async def test_broken(inspect: Inspect) -> None:
    """Features 18.12, contract B12.03: what cannot be opened is UNCHECKED, never clean by silence, and rules of banned
    names know it. The twin is no archive at all."""
    archive = zipped(PROGRAM * 100, "x.exe")
    found = await inspect(attached(("a.gz", gzip.compress(bytes(range(256)) * 50)[:-40])))
    assert found.verdicts[0].main == Category(Major.UNCHECKED)
    (part,) = [finding.part for finding in found.findings.found]
    assert part is not None
    assert (part.names, part.attributes) == (("a.gz",), "U")
    twin = await inspect(attached(("a.bin", archive[10:14] + b"\x01\x02\x03" * 20)))
    assert twin.findings.found == ()


async def test_switched_off(inspect: Inspect) -> None:
    """Features 5.48: a type that the administrator does not want opened; the others are."""
    found = await inspect(
        attached(("a.zip", zipped(PROGRAM, "x.exe")), ("b.gz", gzip.compress(PROGRAM))),
        decoders={"zip": False},
    )
    assert [part.location for part in found.root.walk() if part.is_member] == ["1.3.1"]
    assert found.findings.found == ()


async def test_files_in_texts(inspect: Inspect) -> None:
    """Features 7.05: off as packaged; on, the file in the text is a part."""
    text = plain(b"Good morning.\r\nbegin 644 x.exe\r\n" + binascii.b2a_uu(PROGRAM[:45]) + b"`\r\nend\r\n")
    assert [part.location for part in (await inspect(text)).root.walk()] == ["1"]
    found = await inspect(text, decoders={"uue": True})
    assert [part.names for part in found.root.walk() if part.is_member] == [("x.exe",)]


async def test_not_needed(inspect: Inspect, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 7.08, 10.06: with bypass_decode_parts, or when nobody wants the results, no decoder runs."""
    octets = with_attachment(zipped(PROGRAM), "a.zip")
    for overrides in ({"bypass_decode_parts": True}, {"bypass_banned_checks": True, "bypass_virus_checks": True}):
        found = await inspect(octets, **overrides)
        assert [part for part in found.root.walk() if part.is_member or part.short_types] == []
    settings = make_settings(bypass_banned_checks={"hash": {"bob@example.test": True}}, bypass_virus_checks=True)
    one, two = make_mail(octets), make_mail(octets, recipients=["bob@example.test", "eve@example.test"])
    assert not Unpacker.is_wanted(settings, policies_for_mail(settings, one))
    assert Unpacker.is_wanted(settings, policies_for_mail(settings, two))


async def test_too_many_parts(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B13.03: the parts of the message count, too; those beyond are not written to files."""
    settings = make_settings(MAXFILES=3)
    async with unpacker(settings) as unpacking:
        found = await through(unpacking, make_mail(attached(*((f"{n}.exe", PROGRAM) for n in range(5)))), settings)
    assert found.problems == ["UncheckedOverLimits: Maximum number of files (3) exceeded"]
    assert [found.types(f"{number}.exe") != () for number in range(5)] == [True, True, True, False, False]


async def test_no_room(make_settings: MakeSettings, make_mail: MakeMail, tmp_path: Path) -> None:
    """Design rule 1: without a place for the files the mail waits; text needs none."""
    settings = make_settings()
    async with unpacker(settings) as unpacking:
        settings.TEMPBASE.rmdir()
        with pytest.raises(Exception, match="cannot make a directory") as failed:
            await through(unpacking, make_mail(attached(("a.exe", PROGRAM))), settings)
        assert type(failed.value).__name__ == "SpoolError"
        await through(unpacking, make_mail(plain()), settings)
