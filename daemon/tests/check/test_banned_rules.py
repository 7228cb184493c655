"""What rules of banned names make of a tree of parts (contract B12.02 to B12.07)."""

from pathlib import Path
from typing import Any

import pytest
from banned_trees import banned_places, compared, member, mixed, part, text, tree

from mailcordon.check.banned_tree import MOST_BANNED
from mailcordon.config.banned import BannedRules
from mailcordon.config.load import fragments, merge, packaged_directory
from mailcordon.mail.part import Part

EXE = r"(?i).\.exe$"


@pytest.fixture(scope="module")
def debian() -> list[Any]:
    """The packaged rules, as they are written."""
    values, _ = merge(fragments(packaged_directory(), []), [], [])
    table: list[Any] = values["banned_filename_re"]
    return table


@pytest.mark.parametrize(
    "attachment",
    [
        part("application/octet-stream", "report.pdf.exe"),
        part("application/octet-stream", "report.pdf.scr."),
        part("application/octet-stream", "REPORT.DOC.VBS"),
        part("application/octet-stream", "lib.v2.dll"),
        *(part("text/plain", f"a.{ending}") for ending in ["exe", "vbs", "pif", "scr", "bat", "cmd", "com", "cpl"]),
        part("image/png", "picture.png.{3050f4d8-98B5-11cf-bb82-00aa00bdce0b}"),
        part("image/png", "picture.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b"),
        part("application/x-msdownload"),
        part("Application/X-MSDOS-Program".lower(), "readme.txt"),
        part("application/hta", "page.html"),
        part("image/png", "picture.png", short="exe exe-ms"),
    ],
    ids=lambda made: made.names[0] if made.names else made.content_type,
)
def test_debian_bans(attachment: Part, debian: list[Any]) -> None:
    """Contract B12.05, B12.07: double extensions, class identifiers, types, names and what it is by its content."""
    assert banned_places(mixed(text(), attachment), debian) == ["1.2"]


@pytest.mark.parametrize(
    "attachment",
    [
        part("application/octet-stream", "report.exe.pdf"),
        part("application/octet-stream", "executive.doc"),
        part("application/octet-stream", "lib.dll"),
        part("application/octet-stream", ".exe"),
        part("application/octet-stream", "archive.tar.gz"),
        part("image/png", "picture.{3050f4d8-98b5-11cf-bb82}"),
        part("application/x-msdownload-not"),
        part("text/plain", "a.com.txt", short="asc"),
        part("application/x-executable", "tool", short="exe"),
        part("application/zip", "files.zip", short="zip", children=(member("readme.txt", short="asc"),)),
    ],
    ids=lambda made: made.names[0] if made.names else made.content_type,
)
def test_debian_lets_pass(attachment: Part, debian: list[Any]) -> None:
    """Contract B12.05, features 7.07: the twins of what is banned; a text that libmagic took for a program is `asc`."""
    assert banned_places(mixed(text(), attachment), debian) == []


def nested(*around: Part, innermost: Part) -> Part:
    """`innermost` within each of the others, the first one outermost."""
    inner = innermost
    for outer in reversed(around):
        outer.children = [inner]
        inner = outer
    return inner


@pytest.mark.parametrize("level", range(4))
def test_at_every_level(level: int) -> None:
    """Contract B12.02: the part itself, an attached message, an archive in it, and an archive in that."""
    around = [
        part("message/rfc822"),
        part("application/zip", "a.zip", short="zip"),
        member("b.tgz", short="gz"),
        member("dir", short="tar"),
    ][:level]
    found = compared(mixed(text(), nested(*around, innermost=part("", "x/game.exe", short="exe"))), [EXE]).banned
    assert [banned.name for banned in found] == [".exe,x/game.exe"]
    assert found[0].ban.parts.count(" | ") == level + 1


# What decides on a path


def in_zip(*names: str) -> Part:
    return mixed(
        text(),
        part(
            "application/zip",
            "a.zip",
            short="zip",
            children=tuple(member(name, short=name.rpartition(".")[2]) for name in names),
        ),
    )


def test_the_first_rule_that_matches_anything_on_the_path_decides() -> None:
    """Contract B12.02: rules are the outer loop, as in amavisd; neither leaf nor root comes first."""
    exempt = [r"^\.zip$", False]
    assert banned_places(in_zip("x.exe"), [exempt, EXE]) == []
    assert banned_places(in_zip("x.exe"), [EXE, exempt]) == ["1.2.1"]
    exempt_member = [r"^\.txt$", False]
    assert banned_places(in_zip("a.txt", "b.exe"), [exempt_member, r"^\.zip$"]) == ["1.2.2"]


def test_a_container_is_judged_by_what_is_in_it() -> None:
    """Contract B12.02: as amavisd's, a rule that bans an archive bans all that is in it, and an empty one itself."""
    assert banned_places(in_zip("a.txt", "b.txt"), [r"^\.zip$"]) == ["1.2.1", "1.2.2"]
    assert banned_places(in_zip(), [r"^\.zip$"]) == ["1.2"]


def test_an_exemption_holds_for_its_own_path_only() -> None:
    """Contract B12.02: beside a part that is exempted another one is banned."""
    root = mixed(
        part("application/octet-stream", "setup.exe", short="exe"),
        part("application/zip", short="zip", children=(member("setup.exe"),)),
    )
    assert banned_places(root, [[r"^\.zip$", False], EXE]) == ["1.1"]


def test_tables_continue_each_other() -> None:
    """Contract B12.01: of several tables the first rule that matches decides, too."""
    root = in_zip("x.exe")
    assert banned_places(root, [[r"\.com$", False]], [EXE]) == ["1.2.1"]
    assert banned_places(root, [[r"\.exe$", False]], [EXE]) == []


def test_an_empty_expression_matches_everything() -> None:
    """Contract B12.02: the table PASSALL of amavisd's example."""
    assert banned_places(in_zip("x.exe"), [["", False]], [EXE]) == []
    assert banned_places(mixed(text()), [""]) == ["1.1"]


def test_a_message_without_parts() -> None:
    """Contract B12.02: its only part is its root."""
    root = tree(part("application/octet-stream", "a.exe"))
    (found,) = compared(root, [EXE]).banned
    assert (found.name, found.ban.parts) == ("application/octet-stream,a.exe",) * 2


def test_undecipherable_and_encrypted() -> None:
    """Contract B12.02, B12.03: what nobody can open has a type of its own."""
    table = ["^UNDECIPHERABLE$"]
    for attributes in ("U", "C", "UC"):
        root = mixed(part("application/zip", short="zip", children=(member("a", attributes=attributes),)))
        (found,) = compared(root, table).banned
        assert found.name == "a,UNDECIPHERABLE"
    assert banned_places(
        mixed(part("application/zip", attributes="BL"), part("text/plain", "UNDECIPHERABLE.")), table
    ) == ["1.2"]


# Names in disguise


@pytest.mark.parametrize(
    "name",
    [
        "game.exe ",
        "game.exe.",
        "game.exe. . .",
        "game.exe\u00a0\u3000",
        "game.exe\u200b",
        "game.exe\t\r\n",
        "game.exe\0.txt",
        "game.exe. \0.txt",
        "photo_\u202egpj.exe",
        "dir/sub\\game.exe",
        "x" * 5000 + ".exe",
        "x.exe" + " ." * 4000,
        "caf\u00e9.exe",
        "\U0001f4a9.EXE",
    ],
)
def test_names_in_disguise(name: str) -> None:
    """Contract B12.06: trailing dots, blanks and what is not seen, NUL, right-to-left override, length, 8-bit."""
    assert banned_places(mixed(part("image/png", name)), [EXE]) == ["1.1"]
    assert banned_places(mixed(part("image/png", raw_names=(name,))), [EXE]) == ["1.1"]
    assert banned_places(mixed(part("image/png", name.lower().replace("exe", "png"))), [EXE]) == []


def test_every_name_counts() -> None:
    """Contract B12.06: mail programs differ in which name they show."""
    assert banned_places(mixed(part("image/png", "a.png", "b.exe")), [EXE]) == ["1.1"]
    assert banned_places(mixed(part("image/png", "a.png", raw_names=("=?x?q?a?=.exe",))), [EXE]) == ["1.1"]


def test_case_counts_where_the_rule_says_nothing() -> None:
    """Contract B12.06."""
    root = mixed(part("image/png", "A.EXE"))
    assert banned_places(root, [r"\.exe$"]) == []
    assert banned_places(root, [r"(?i)\.exe$"]) == ["1.1"]


# Paths


def test_paths() -> None:
    """Contract B12.03: lines from the message down to the part, attributes with tabs between them."""
    root = mixed(
        part(
            "application/zip",
            "a.zip",
            short="zip",
            file=Path("/tmp/x/p003"),
            children=(member("b\tc.exe", short="exe exe-ms", attributes="UC"),),
        )
    )
    whole = (
        "L=1\tM=multipart/mixed\n"
        "P=p003\tL=1/1\tM=application/zip\tT=zip\tN=a.zip\n"
        "L=1/1/1\tT=exe\tT=exe-ms\tN=b c.exe\tA=U\tA=C"
    )
    assert banned_places(root, paths=[f"(?s)\\A{whole}\\Z"]) == ["1.1.1"]
    assert banned_places(
        root, paths=[r"(?x)(?# comment) (\A|\n)(.*\t)? T=zip (\t.*)? \n (.*\n)* (.*\t)? N=[^\t]*\.exe"]
    ) == ["1.1.1"]
    assert banned_places(root, paths=[[r"(?m)^(.*\t)?T=zip(\t.*)?$", False], r"N=.*\.exe"]) == []


def test_paths_are_for_what_the_other_rules_leave_open() -> None:
    """Contract B12.03: as in amavisd 2.13, a rule that exempts has decided, too."""
    root = in_zip("a.exe", "b.txt", "c.png")
    assert banned_places(root, [EXE, [r"\.png$", False]], paths=["N=b", "N=c"]) == ["1.2.1", "1.2.2"]


def test_a_path_that_is_too_long_is_told_of() -> None:
    """Contract B13.04: what could not be compared is not clean by silence; what is nearest to the part is compared."""
    names = [f"{number}{'x' * 200}" for number in range(30)]
    root = mixed(part("message/rfc822", *names, children=(part("image/png", "a.exe"),)))
    result = compared(root, paths=[r"N=a\.exe"])
    assert [found.part.location for found in result.banned] == ["1.1.1"]
    assert result.problem == "Maximum length of a path of banned names (4096) exceeded"
    assert compared(root, [EXE]).problem is None
    assert compared(mixed(part("image/png", *names)), paths=["N=0x"]).problem is not None


# Words


def test_result_and_comment() -> None:
    """Contract B12.04: short form with the comment of the rule, chain of the path, what the rule says."""
    root = in_zip("x.exe")
    (found,) = compared(root, [[r"(?i)(?# no programs )(?#at all)([a-z])\.(exe)$", "DISCARD $1 ${2} $(3)."]]).banned
    assert found.name == "no programs at all:.exe,x.exe"
    assert found.result == "DISCARD x exe ."
    assert found.is_discarded
    assert found.ban.parts == "multipart/mixed | application/zip,.zip,a.zip | .exe,x.exe"
    assert (
        found.ban.attributes == "L=1,M=multipart/mixed | L=1/2,M=application/zip,T=zip,N=a.zip | L=1/2/1,T=exe,N=x.exe"
    )
    assert found.ban.comment == "no programs at all"
    (found,) = compared(root, [EXE]).banned
    assert (found.name, found.result, found.ban.key, found.ban.comment) == (".exe,x.exe", "1", EXE, EXE)
    assert not found.is_discarded


def test_words_stay_short() -> None:
    """Contract B12.04: blanks that hide a name are shown as what they are; names without end are cut."""
    (found,) = compared(mixed(part("image/png", "a.txt" + " " * 50 + ".exe")), [EXE]).banned
    assert found.name == "image/png,a.txt ... .exe"
    (found,) = compared(mixed(part("image/png", *(f"{number}{'x' * 900}.exe" for number in range(50)))), [EXE]).banned
    assert len(found.name) < 450
    assert len(found.ban.parts) < 500
    assert len(found.ban.attributes) < 4000


def test_words_hold_nothing_that_does_something() -> None:
    """Contract B11.12, B12.04: line ends and the like in the name of a member are harmless in log, reply and fields."""
    (found,) = compared(in_zip("a\r\nX-Evil: 1\x1b[2J\u202e.exe"), [EXE]).banned
    assert found.name == ".exe,a??X-Evil: 1?[2J?.exe"
    assert found.ban.parts.isprintable()
    assert found.ban.attributes.isprintable()


def test_of_very_many_some_are_told() -> None:
    """Contract B12.04, B11.02: the upper levels first; one of which the sender must not hear is among them."""
    many = mixed(
        part("message/rfc822", children=tuple(part("image/png", f"deep{number}.exe") for number in range(50))),
        *(part("image/png", f"{number}.exe") for number in range(MOST_BANNED - 1)),
    )
    found = compared(many, [EXE]).banned
    assert len(found) == MOST_BANNED
    assert found[0].name == "image/png,0.exe"
    assert found[-1].part.location == "1.1.1"
    found = compared(many, [[r"deep4\d", "DISCARD"], EXE]).banned
    assert len(found) == MOST_BANNED
    assert [banned.part.location for banned in found if banned.is_discarded] == ["1.1.41"]


def test_time_is_limited() -> None:
    """Contract B13.04: what takes too long is told of."""
    result = compared(mixed(text(), part("image/png", "a.exe")), [EXE], seconds=-1.0)
    assert (result.banned, result.problem) == ([], "Exceeded time limit of -1 s for banned names")


def test_no_rules_are_no_rules() -> None:
    """Contract B12.01: whoever has none is not asked for them."""
    assert not BannedRules()
    assert banned_places(in_zip("x.exe")) == []
