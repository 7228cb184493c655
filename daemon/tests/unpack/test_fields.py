"""Content fields and their parameters (RFC 2045, 2231, 2047)."""

from base64 import b64encode

import pytest

from mailcordon.unpack.fields import ContentFields, read_content_fields
from mailcordon.unpack.parameters import display_name, parse_parameters


def fields(header: bytes, default_type: str = "text/plain") -> ContentFields:
    return read_content_fields(memoryview(header), 0, len(header), default_type)


def test_defaults() -> None:
    assert fields(b"Subject: x\r\n") == ContentFields("text/plain")
    assert fields(b"", "message/rfc822").content_type == "message/rfc822"


def test_all_fields() -> None:
    header = (
        b'CONTENT-type : Text/HTML;\r\n charset="ISO-8859-15"\r\n'
        b"Content-Transfer-Encoding:\tBase64\r\nContent-Disposition: ATTACHMENT; filename=a.html\r\n"
    )
    assert fields(header) == ContentFields("text/html", "base64", "attachment", "iso-8859-15", ("a.html",))


def test_type_that_is_none_is_plain_text() -> None:
    for value in (b"text", b"", b"/", b"multipart; boundary=b", b'"a"/b'):
        assert fields(b"Content-Type: " + value + b"\r\n").content_type == "text/plain"


def test_fields_of_other_names_do_not_count() -> None:
    header = b"X-Content-Type: a/b\r\nSubject: x\r\n Content-Type: c/d\r\nContent-Types: e/f\r\n"
    assert fields(header).content_type == "text/plain"


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        (b"filename=report.pdf", ("report.pdf",)),
        (b'filename="my report.pdf"', ("my report.pdf",)),
        (b"filename=my report.pdf", ("my report.pdf",)),
        (b'filename="a;b.exe"; x=y', ("a;b.exe",)),
        (rb'filename="C:\mail\x.doc"', (r"C:\mail\x.doc",)),
        (rb'filename="a\"b.doc"', ('a"b.doc',)),
        (b'filename="unclosed.exe', ("unclosed.exe",)),
        (b"filename*=utf-8''%e2%82%ac%20rates.txt", ("\u20ac rates.txt",)),
        (b"filename*=iso-8859-1'en'%A3%20rates", ("\u00a3 rates",)),
        (b"filename*=no-such-charset''%A3", ("\u00a3",)),
        (b"filename*=hex''%A3", ("\u00a3",)),
        (b"filename*=without-quotes", ("without-quotes",)),
        (b"filename*0*=utf-8''%c3%a4; filename*1=b; filename*2*=%20c.txt", ("\u00e4b c.txt",)),
        (b"filename*1=b.txt; filename*0=a", ("ab.txt",)),
        (b"filename*0=a; filename*2=.exe", ("a", "a.exe")),
        (b"filename*1=a; filename*2=.exe", ("a.exe",)),
        (b"filename*0=a; filename*1=.txt; filename*1=.exe", ("a.txt", "a.exe")),
        (b"filename*0*=utf-8''%e2%82; filename*1*=%ac.txt", ("\u20ac.txt",)),
        (b"filename*0*=iso-8859-5''%b0; filename*1*=%b1", ("\u0410\u0411",)),
        (b"filename*10000=.exe; filename*0=a", ("a", "a.exe")),
        (b"filename=a.txt; filename*=utf-8''b.exe", ("a.txt", "b.exe")),
        (b"filename=a.txt; filename=b.exe", ("a.txt", "b.exe")),
        (b'filename="=?utf-8?B?w6QudHh0?="', ("\u00e4.txt",)),
        (b'filename="=?utf-8?Q?a_b?= =?utf-8?q?=2Eexe?="', ("a b.exe",)),
        (b'filename="=?utf-8*de?Q?a?="', ("a",)),
        (b'filename="=?x?q?broken"', ("=?x?q?broken",)),
        (b"filename=\xc3\xa4.txt", ("\u00e4.txt",)),
        (b"filename=\xe4.txt", ("\u00e4.txt",)),
        (b"filename*=utf-8''a%0d%0ab%00.txt", ("ab.txt",)),
        (b"filename=", ()),
        (b"filename", ()),
        (b"; ; =x; *=y; **=z; filename=a", ("a",)),
    ],
)
def test_names(parameters: bytes, names: tuple[str, ...]) -> None:
    assert fields(b"Content-Disposition: attachment; " + parameters + b"\r\n").names == names


def test_name_of_the_disposition_comes_first_and_none_is_lost() -> None:
    header = b"Content-Type: a/b; name=type.txt\r\nContent-Disposition: inline; filename=disposition.exe\r\n"
    assert fields(header).names == ("disposition.exe", "type.txt")


def test_folded_name() -> None:
    assert fields(b'Content-Type: a/b;\r\n\tname="a\r\n b.txt"\r\n').names == ("a b.txt",)


def test_overlong_name_is_cut_but_keeps_its_extension() -> None:
    """B12.06: mail programs that shorten a name leave the end of it."""
    name = fields(b"Content-Type: a/b; name=" + b"x" * 5000 + b".exe\r\n").names[0]
    assert (len(name), name[-5:]) == (1024, "x.exe")
    encoded = b"".join(b"=?utf-8?Q?" + b"x" * 50 + b"?= " for _ in range(100)) + b"=?utf-8?Q?=2Eexe?="
    assert fields(b'Content-Type: a/b; name="' + encoded + b'"\r\n').names[0].endswith("x.exe")


@pytest.mark.parametrize(
    ("field", "encoding", "problems"),
    [
        (b"Base64", "base64", ()),
        (b"quoted-printable ", "quoted-printable", ()),
        (b"x-UUencode", "x-uuencode", ()),
        (b"8 bit", "8", ()),
        (b"7bit;", "7bit", ()),
        (b"utf-8", "utf-8", ()),
        (b"", "7bit", ()),
        (b"base64;", "base64", ("ambiguous content transfer encoding",)),
        (b"(comment) base64", "base64", ("ambiguous content transfer encoding",)),
        (b'"base64"', "base64", ("ambiguous content transfer encoding",)),
        (b"x-base64", "x-base64", ("unknown content transfer encoding",)),
        (b"x-gzip64", "x-gzip64", ("unknown content transfer encoding",)),
    ],
)
def test_encodings(field: bytes, encoding: str, problems: tuple[str, ...]) -> None:
    """B13.05: where readers decode differently, it is said, not guessed; what means no encoding is no matter."""
    found = fields(b"Content-Transfer-Encoding: " + field + b"\r\n")
    assert (found.encoding, found.ambiguous) == (encoding, problems)


LONG = b"x" * 5000 + b".exe"


@pytest.mark.parametrize(
    "parameter",
    [
        b"name=" + LONG,
        b"name==?us-ascii?Q?" + LONG + b"?=",
        b"name==?us-ascii?B?" + b64encode(LONG) + b"?=",
        b"name*=us-ascii''" + LONG,
        b"name*0*=us-ascii''" + LONG + b"; name*1=.exe",
        b"name*=us-ascii''" + b"%78" * 5000 + b".exe",
    ],
    ids=["plain", "Q", "B", "extended", "continued", "percent"],
)
def test_overlong_name_is_cut_in_the_middle(parameter: bytes) -> None:
    """Contract B12.06: what kind of file it is stands at the end."""
    (name,) = fields(b"Content-Type: a/b; " + parameter + b"\r\n").names
    assert len(name) == 1024
    assert name.startswith("xxx")
    assert name.endswith(".exe")


@pytest.mark.parametrize(
    ("parameters", "raw"),
    [
        (b"filename=a.txt", ()),
        (b'filename=" a.txt"', (" a.txt",)),
        (b"filename==?utf-8?Q?=C3=A4.exe?=", ("=?utf-8?Q?=C3=A4.exe?=",)),
        (b"filename=\xc3\xa4.exe", ("\u00c3\u00a4.exe",)),
        (b"filename=a; filename*=utf-8''b%00.exe", ("b\0.exe",)),
        (b"filename=" + LONG, ()),
    ],
)
def test_raw_names(parameters: bytes, raw: tuple[str, ...]) -> None:
    """Contract B12.06: names as they were declared, too, where that is something else."""
    assert fields(b"Content-Disposition: attachment; " + parameters + b"\r\n").raw_names == raw


@pytest.mark.parametrize("charset", ["punycode", "idna", "-PunyCode-"])
def test_slow_charsets_are_none(charset: str) -> None:
    """Contract B12.06: no mail program knows them, and Python needs quadratic time for them."""
    assert display_name(f"=?{charset}?Q?bcher-kva.exe?=") == "bcher-kva.exe"


def test_display_name_never_raises() -> None:
    for raw in (
        "=?utf-8?B?w?=",
        "=?utf-7?Q?+?=",
        "=?idna?Q?=2E=2E?=",
        "=?undefined?Q?a?=",
        "=?utf-16?B?AA==?=",
        "\udcff",
    ):
        assert isinstance(display_name(raw), str)


def test_parameters_of_a_bare_field() -> None:
    assert parse_parameters("text/plain") == {}
    assert parse_parameters("") == {}
