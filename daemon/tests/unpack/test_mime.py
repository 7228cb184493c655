"""MIME structure by offsets (design rule 5, B13.04, B13.05)."""

import base64

import pytest

from mailcordon.mail.category import (
    UNCHECKED_AMBIGUOUS,
    UNCHECKED_ENCRYPTED,
    UNCHECKED_OVER_LIMITS,
    Category,
    Major,
)
from mailcordon.mail.part import Part
from mailcordon.unpack import Limits, Structure, decoded, split


def structure(octets: bytes, limits: Limits | None = None) -> Structure:
    return split(memoryview(octets), limits)


def body(octets: bytes, part: Part) -> bytes:
    return octets[part.body_start : part.end]


def outline(octets: bytes) -> list[tuple[str, str, bytes]]:
    """Location, type and body of every leaf."""
    return [
        (part.location, part.content_type, body(octets, part))
        for part in structure(octets).root.walk()
        if not part.children
    ]


def multipart(boundary: str, *parts: bytes, subtype: str = "mixed") -> bytes:
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode()
    delimiter = f"--{boundary}".encode()
    return head + b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


def ambiguities(octets: bytes) -> list[str]:
    wanted = Category(Major.UNCHECKED, UNCHECKED_AMBIGUOUS)
    return [finding.name for finding in structure(octets).findings if finding.category == wanted]


class TestPlainMessages:
    def test_one_part(self) -> None:
        octets = b"Subject: x\r\n\r\nHello\r\n"
        root = structure(octets).root
        assert (root.location, root.content_type, root.encoding) == ("1", "text/plain", "7bit")
        assert (root.start, body(octets, root), root.end) == (0, b"Hello\r\n", len(octets))

    def test_without_header(self) -> None:
        for octets, text in ((b"\r\nHello", b"Hello"), (b"\nHello", b"Hello"), (b"\r\n", b""), (b"\n\n", b"\n")):
            assert body(octets, structure(octets).root) == text

    def test_without_body(self) -> None:
        for octets in (b"", b"Subject: x", b"Subject: x\r\n", b"\r"):
            root = structure(octets).root
            assert (root.body_start, root.end) == (len(octets), len(octets))

    def test_bare_line_feeds(self) -> None:
        octets = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nX: y\n\ntwo\n--b--\n"
        assert [text for _, _, text in outline(octets)] == [b"one", b"two"]

    def test_text_with_dashes_is_no_multipart(self) -> None:
        octets = b"Subject: x\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n--b--\r\n"
        assert len(outline(octets)) == 1


class TestMultiparts:
    def test_preamble_and_epilogue_are_no_parts(self) -> None:
        octets = (
            multipart("b", b"\r\none", b"\r\ntwo").replace(b"\r\n\r\n--b", b"\r\n\r\npreamble\r\n--b", 1) + b"epilogue"
        )
        assert outline(octets) == [("1.1", "text/plain", b"one"), ("1.2", "text/plain", b"two")]
        assert structure(octets).root.end == len(octets)

    def test_line_break_before_a_delimiter_belongs_to_it(self) -> None:
        assert outline(multipart("b", b"\r\none\r\n\r\n")) == [("1.1", "text/plain", b"one\r\n\r\n")]

    def test_nested(self) -> None:
        inner = multipart("inner", b"\r\none", b"Content-Type: text/html\r\n\r\ntwo", subtype="alternative")
        octets = multipart("outer", inner, b"\r\nthree")
        assert outline(octets) == [
            ("1.1.1", "text/plain", b"one"),
            ("1.1.2", "text/html", b"two"),
            ("1.2", "text/plain", b"three"),
        ]

    def test_one_boundary_begins_with_the_other(self) -> None:
        octets = multipart("b", multipart("bb", b"\r\none"), b"\r\ntwo")
        assert [location for location, _, _ in outline(octets)] == ["1.1.1", "1.2"]
        assert not ambiguities(octets)

    def test_missing_end(self) -> None:
        octets = multipart("b", b"\r\none").removesuffix(b"\r\n--b--\r\n")
        assert outline(octets) == [("1.1", "text/plain", b"one")]

    def test_inner_end_missing(self) -> None:
        inner = multipart("inner", b"\r\none").removesuffix(b"\r\n--inner--\r\n")
        assert outline(multipart("outer", inner, b"\r\ntwo")) == [
            ("1.1.1", "text/plain", b"one"),
            ("1.2", "text/plain", b"two"),
        ]

    def test_delimiters_of_a_closed_inner_multipart_are_text(self) -> None:
        inner = multipart("inner", b"\r\none") + b"--inner\r\n\r\nno part"
        assert [location for location, _, _ in outline(multipart("outer", inner, b"\r\ntwo"))] == ["1.1.1", "1.2"]

    def test_empty_parts(self) -> None:
        octets = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\n--b\r\nX: y\r\n--b--"
        assert [text for _, _, text in outline(octets)] == [b"", b"", b""]
        assert all(part.start <= part.body_start <= part.end for part in structure(octets).root.walk())

    def test_header_that_a_delimiter_cuts_off_still_counts(self) -> None:
        octets = (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png; name=a.png\r\n--b--\r\n"
        )
        part = structure(octets).root.children[0]
        assert (part.content_type, part.names) == ("image/png", ("a.png",))

    def test_white_space_after_a_delimiter(self) -> None:
        octets = multipart("b", b"\r\none", b"\r\ntwo").replace(b"--b\r\n", b"--b \t \r\n").replace(b"--b--", b"--b-- ")
        assert [text for _, _, text in outline(octets)] == [b"one", b"two"]

    def test_boundary_that_ends_in_dashes(self) -> None:
        assert [text for _, _, text in outline(multipart("b--", b"\r\none", b"\r\ntwo"))] == [b"one", b"two"]

    def test_digest_holds_messages(self) -> None:
        octets = multipart("b", b"\r\nSubject: inner\r\n\r\nHello", subtype="digest")
        message = structure(octets).root.children[0]
        assert message.content_type == "message/rfc822"
        assert body(octets, message.children[0]) == b"Hello"

    def test_multipart_without_boundary_is_a_leaf(self) -> None:
        octets = b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\none\r\n--b--\r\n"
        assert len(outline(octets)) == 1


class TestEmbeddedMessages:
    def test_multipart_in_a_message_in_a_multipart(self) -> None:
        embedded = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n" + multipart("inner", b"\r\none")
        assert outline(multipart("outer", embedded, b"\r\ntwo")) == [
            ("1.1.1.1", "text/plain", b"one"),
            ("1.2", "text/plain", b"two"),
        ]

    def test_message_without_header(self) -> None:
        octets = b"Content-Type: message/rfc822\r\n\r\n\r\nHello"
        assert outline(octets) == [("1.1", "text/plain", b"Hello")]

    def test_encoded_message_stays_whole(self) -> None:
        octets = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA0KDQo=\r\n"
        assert outline(octets) == [("1", "message/rfc822", b"U3ViamVjdDogeA0KDQo=\r\n")]


class TestAmbiguity:
    """B13.05, CVE-2024-28054: readers that take different boundaries see different parts."""

    def test_boundary_given_twice(self) -> None:
        for field in (
            b"multipart/mixed; boundary=a; boundary=b",
            b'multipart/mixed; boundary="a"; boundary*0="b"',
            b"multipart/mixed; boundary=a; boundary*=us-ascii''b",
            b"multipart/mixed; boundary*0=a; boundary*0=b",
            b'multipart/mixed; boundary="a"b',
            b"multipart/mixed; boundary=a b",
        ):
            octets = b"Content-Type: " + field + b"\r\n\r\n--a\r\n\r\none\r\n--a--\r\n"
            assert ambiguities(octets)[0] == "ambiguous boundary parameter", field

    def test_boundary_given_once(self) -> None:
        for field in (
            b"multipart/mixed; boundary=a",
            b'multipart/mixed; charset=x; boundary="a"',
            b'multipart/mixed; boundary="a" (a comment)',
            b'multipart/mixed;\r\n\tboundary="a" ;',
        ):
            octets = b"Content-Type: " + field + b"\r\n\r\n--a\r\n\r\none\r\n--a--\r\n"
            assert ambiguities(octets) == [], field

    def test_different_content_types(self) -> None:
        octets = (
            b"Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\none\r\n--a--\r\n"
        )
        assert ambiguities(octets) == ["several different Content-Type fields"]

    def test_equal_content_types(self) -> None:
        assert ambiguities(b"Content-Type: text/html\r\nContent-Type: text/html\r\n\r\nx") == []

    def test_different_encodings_in_a_part(self) -> None:
        part = b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\none"
        assert ambiguities(multipart("b", part)) == ["several different Content-Transfer-Encoding fields"]

    def test_same_boundary_inside(self) -> None:
        octets = multipart("b", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n", b"\r\none")
        assert "boundary used at two levels" in ambiguities(octets)

    def test_same_boundary_one_after_the_other(self) -> None:
        octets = multipart("outer", multipart("b", b"\r\none"), multipart("b", b"\r\ntwo"))
        assert ambiguities(octets) == []
        assert [text for _, _, text in outline(octets)] == [b"one", b"two"]

    @pytest.mark.parametrize(
        ("parameters", "problem"),
        [
            (b"", "multipart without boundary"),
            (b'; boundary=""', "multipart without boundary"),
            (b", boundary=a", "multipart without boundary"),
            (b"; boundary*0=a", "boundary parameter in pieces or encoded"),
            (b"; boundary*=us-ascii'en'a", "boundary parameter in pieces or encoded"),
            (b'; boundary="=?us-ascii?Q?a?="', "boundary parameter in pieces or encoded"),
            (b'; boundary="a\\b"', "odd boundary parameter"),
            (b'; boundary="a\x00b"', "odd boundary parameter"),
            (b'; boundary=" a"', "odd boundary parameter"),
            (b'; boundary="a "', "odd boundary parameter"),
            (b"; boundary=a(b)", "ambiguous boundary parameter"),
            (b'; boundary="never seen"', "multipart without parts"),
        ],
        ids=repr,
    )
    def test_odd_boundary(self, parameters: bytes, problem: str) -> None:
        """CVE-2024-28054 and its like (features 18.19)."""
        octets = b"Content-Type: multipart/mixed" + parameters + b"\r\n\r\n--a\r\n\r\none\r\n--a--\r\n"
        assert problem in ambiguities(octets)

    def test_type_that_only_some_understand(self) -> None:
        for field in (b"multipart; boundary=a", b"(comment) multipart/mixed; boundary=a", b"message"):
            octets = b"Content-Type: " + field + b"\r\n\r\n--a\r\n\r\none\r\n--a--\r\n"
            assert ambiguities(octets) == ["content type that cannot be understood"], field
        assert ambiguities(b"Content-Type: text; name=multipart\r\n\r\none") == []

    @pytest.mark.parametrize(
        ("lines", "problem"),
        [
            (b"TVqQAAMAAAAEAAAA\r\n", "line that is no field in a header section"),
            (b" folded from nowhere\r\n", "line that is no field in a header section"),
            (b"X: y\r\n \t\r\n", "line of white space in a header section"),
            (b"X: y\x00\r\n", "NUL in a header section"),
            (b"X: y\rContent-Type: text/html\r\n", "bare CR in a header section"),
            (b"X: " + b"y\r\n " * 70_000 + b"\0\r\n", "NUL in a header section"),
        ],
        ids=lambda value: repr(value[:40]),
    )
    def test_header_section_whose_end_is_not_clear(self, lines: bytes, problem: str) -> None:
        part = lines + b"Content-Type: application/octet-stream\r\n\r\none"
        assert ambiguities(multipart("b", part)) == [problem]
        assert ambiguities(b"Subject: x\r\n" + multipart("b", b"Content-Type: message/rfc822\r\n\r\n" + part)) == [
            problem
        ]

    def test_header_section_of_a_plain_text_does_not_matter(self) -> None:
        """The header check tells of it (B5.01); no part can hide there."""
        assert ambiguities(b"Subject: x\r\nno field\r\n\r\none") == []
        assert ambiguities(b"Subject: x\r\nno field\r\n" + multipart("b", b"\r\none")) == [
            "line that is no field in a header section"
        ]

    def test_line_between_messages_of_a_mailbox(self) -> None:
        assert ambiguities(b"From alice Sun Nov 29 2026\r\n" + multipart("b", b"\r\none")) == []

    @pytest.mark.parametrize(
        ("lines", "problem"),
        [
            (b"--b x\r\n\r\ntwo", "line that begins like a delimiter"),
            (b"--b\0\r\n\r\ntwo", "line that begins like a delimiter"),
            (b"--bb\r\n\r\ntwo", "line that begins like a delimiter"),
            (b"--b--x\r\n\r\ntwo", "line that begins like a delimiter"),
            (b"\r--b\r\rtwo", "delimiter behind a bare CR"),
            (b"--b\r\r\n\r\ntwo", "bare CR behind a delimiter"),
            (b"--b--\r\n--b\r\n\r\ntwo", "delimiter behind the end of its multipart"),
        ],
        ids=repr,
    )
    def test_line_that_may_be_a_delimiter(self, lines: bytes, problem: str) -> None:
        assert problem in ambiguities(multipart("b", b"\r\none\r\n" + lines))

    def test_text_that_looks_a_little_like_a_delimiter(self) -> None:
        for line in (b"-- \r\nAlice", b"--", b"--c", b" --b", b"x --b", b"--=_b", b"\r\r\n"):
            assert ambiguities(multipart("b", b"\r\none\r\n" + line)) == [], line

    def test_boundary_that_another_begins_with(self) -> None:
        octets = multipart("b", multipart("bb", b"\r\none", b"\r\ntwo"), b"\r\nthree")
        assert ambiguities(octets) == []
        assert [text for _, _, text in outline(octets)] == [b"one", b"two", b"three"]


class TestEncodedContainers:
    """RFC 2045 6.4 allows none; readers either ignore the encoding or decode first."""

    problem = "container with a content transfer encoding"

    @staticmethod
    def part(content_type: bytes, encoding: bytes, text: bytes) -> bytes:
        return b"Content-Type: " + content_type + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + text

    def test_multipart(self) -> None:
        text = b"--b\r\n\r\none\r\n--b--\r\n"
        assert ambiguities(self.part(b"multipart/mixed; boundary=b", b"base64", text)) == [self.problem]
        assert ambiguities(self.part(b"multipart/mixed; boundary=b", b"x-uuencode", text)) == [self.problem]

    def test_multipart_that_decoding_would_not_change(self) -> None:
        """A common fault that hides nothing."""
        text = b"--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E4 one=\r\n\r\n--b--\r\n"
        octets = self.part(b"multipart/mixed; boundary=b", b"quoted-printable", text)
        assert ambiguities(octets) == []
        assert len(structure(octets).root.children) == 1

    @pytest.mark.parametrize("hidden", [b"\r\n=2D-b", b"\r\n=2d=2Db", b"=0A--b", b"=0D=0a=2D-b"])
    def test_multipart_with_a_delimiter_behind_the_encoding(self, hidden: bytes) -> None:
        text = b"--b\r\n\r\none" + hidden + b"\r\n\r\ntwo\r\n--b--\r\n"
        octets = self.part(b"multipart/mixed; boundary=b", b"quoted-printable", text)
        assert ambiguities(multipart("outer", octets)) == [self.problem]

    def test_message_in_base64(self) -> None:
        """It stays whole, for a decoder; nothing of it is seen by who does not decode."""
        encoded = base64.encodebytes(b"Subject: x\r\n\r\nHello")
        assert ambiguities(self.part(b"message/rfc822", b"base64", encoded)) == []
        assert ambiguities(self.part(b"message/rfc822", b"base64", encoded + b"-- two readings --")) == [self.problem]

    def test_message_that_only_claims_to_be_in_base64(self) -> None:
        octets = self.part(b"message/rfc822", b"base64", b"Subject: x\r\n\r\nHello")
        assert ambiguities(octets) == [self.problem]
        assert outline(octets) == [("1.1", "text/plain", b"Hello")]

    def test_message_in_quoted_printable(self) -> None:
        octets = self.part(b"message/rfc822", b"quoted-printable", b"Subject: x\r\n\r\nHello")
        assert ambiguities(octets) == [self.problem]
        assert structure(octets).root.children == []


class TestUnreadableParts:
    """What cannot be looked at is UNCHECKED, never clean by silence."""

    def findings(self, octets: bytes, limits: Limits | None = None) -> list[tuple[int, str, str]]:
        return [
            (finding.category.minor, finding.name, finding.part.attributes if finding.part else "")
            for finding in structure(octets, limits).findings
        ]

    def test_uuencode(self) -> None:
        """Features 7.05: only with a decoder that is switched on."""
        octets = b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n#0V%T\r\n`\r\nend\r\n"
        assert self.findings(octets) == [(0, "uuencode as content transfer encoding", "U")]
        assert self.findings(octets, Limits(uuencode=True)) == []

    def test_text_that_resembles_an_encoding(self) -> None:
        """Features 7.05, 7.06: outside of a declared encoding text stays text."""
        for text in (b"begin 644 x\r\n#0V%T\r\n`\r\nend\r\n", base64.encodebytes(b"MZ" + bytes(200))):
            octets = b"Content-Type: text/plain\r\n\r\n" + text
            found = structure(octets)
            assert (found.findings, decoded(memoryview(octets), found.root)) == ((), text)

    def test_piece_of_a_message(self) -> None:
        octets = b"Content-Type: message/partial; id=a; number=1; total=2\r\n\r\nSubject: x\r\n\r\none"
        assert self.findings(octets) == [(0, "message/partial: what is missing is in other messages", "U")]

    def test_external_body(self) -> None:
        """Nothing is fetched; the part says where it would be, and rules for banned contents can name its type."""
        body = b"Content-Type: application/zip\r\nContent-ID: <a>\r\n\r\n"
        octets = b'Content-Type: message/external-body; access-type=URL; URL="http://a.example"\r\n\r\n' + body
        assert (outline(octets), self.findings(octets)) == ([("1", "message/external-body", body)], [])

    @pytest.mark.parametrize(
        "octets",
        [
            multipart("b", b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1", b"\r\nx", subtype="encrypted"),
            b"Content-Type: application/pkcs7-mime; name=x.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(bytes.fromhex("308006092a864886f70d010703a080") + bytes(300)),
            b"Content-Type: text/plain\r\n\r\nSee below.\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n",
            b"Content-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQ=="),
        ],
        ids=["PGP/MIME", "S/MIME", "PGP", "PGP in base64"],
    )
    def test_encrypted(self, octets: bytes) -> None:
        """B13.05: UNCHECKED,1."""
        ((minor, name, attributes),) = self.findings(octets)
        assert (minor, attributes) == (UNCHECKED_ENCRYPTED, "C")
        assert name.startswith("Encrypted part (")

    @pytest.mark.parametrize(
        "octets",
        [
            multipart("b", b"\r\nHello", b"Content-Type: application/pgp-signature\r\n\r\nx", subtype="signed"),
            b"Content-Type: text/plain\r\n\r\nHello -----BEGIN PGP MESSAGE-----\r\n",
            b"Content-Type: text/plain\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n",
        ],
        ids=["multipart/signed", "in a sentence", "signed"],
    )
    def test_not_encrypted(self, octets: bytes) -> None:
        assert self.findings(octets) == []


class TestLimits:
    """B13.04: what goes beyond a limit is reported as UNCHECKED,2; the message is still one tree."""

    over = Category(Major.UNCHECKED, UNCHECKED_OVER_LIMITS)

    @staticmethod
    def nested(levels: int) -> bytes:
        heads = (f"Content-Type: multipart/mixed; boundary=b{n:04}\r\n\r\n--b{n:04}\r\n" for n in range(levels - 1))
        return "".join(heads).encode() + b"\r\nHello"

    def test_levels(self) -> None:
        assert structure(self.nested(100)).findings == ()
        result = structure(self.nested(101))
        assert [(found.category, found.name) for found in result.findings] == [
            (self.over, "Maximum decoding depth (100) exceeded")
        ]
        assert max(part.location.count(".") for part in result.root.walk()) == 99

    def test_nested_messages_count_as_levels(self) -> None:
        message = b"Content-Type: message/rfc822\r\n\r\n"
        assert structure(message * 99 + b"\r\nx").findings == ()
        assert structure(message * 100 + b"\r\nx").findings[0].category == self.over

    def test_parts(self) -> None:
        limits = Limits(parts=4)
        assert structure(multipart("b", *[b"\r\nx"] * 3), limits).findings == ()
        result = structure(multipart("b", *[b"\r\nx"] * 4), limits)
        assert [found.name for found in result.findings] == ["Maximum number of files (4) exceeded"]
        assert len(list(result.root.walk())) == 4

    def test_two_thousand_levels(self) -> None:
        """Features 7.10."""
        assert structure(self.nested(2000)).findings[0].category == self.over

    def test_hundred_thousand_parts(self) -> None:
        """Features 7.10."""
        result = structure(multipart("b", *[b"\r\nx"] * 100_000))
        assert len(list(result.root.walk())) == 10_000
        assert result.findings[0].category == self.over

    def test_overlong_field(self) -> None:
        padding = b"x=" + b"y" * 70_000
        octets = b"Content-Type: multipart/mixed; " + padding + b"; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n"
        assert self.over in [found.category for found in structure(octets).findings]

    def test_overlong_boundary(self) -> None:
        assert ambiguities(multipart("b" * 2000, b"\r\none")) == ["overlong boundary parameter"]
