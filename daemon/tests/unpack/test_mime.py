"""MIME structure by offsets (design rule 5, B13.04, B13.05)."""

from mailcordon.mail.category import UNCHECKED_AMBIGUOUS, UNCHECKED_OVER_LIMITS, Category, Major
from mailcordon.mail.part import Part
from mailcordon.unpack import Limits, Structure, split


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
            assert ambiguities(octets) == ["ambiguous boundary parameter"], field

    def test_boundary_given_once(self) -> None:
        for field in (
            b"multipart/mixed; boundary=a",
            b'multipart/mixed; charset=x; boundary="a"',
            b'multipart/mixed; boundary="a" (a comment)',
            b'multipart/mixed;\r\n\tboundary="a" ;',
            b"multipart/mixed; boundary*0=a; boundary*1=b",
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
        assert ambiguities(octets) == ["boundary used at two levels"]

    def test_same_boundary_one_after_the_other(self) -> None:
        octets = multipart("outer", multipart("b", b"\r\none"), multipart("b", b"\r\ntwo"))
        assert ambiguities(octets) == []
        assert [text for _, _, text in outline(octets)] == [b"one", b"two"]


class TestLimits:
    """B13.04: what goes beyond a limit is reported as UNCHECKED,2; the message is still one tree."""

    over = Category(Major.UNCHECKED, UNCHECKED_OVER_LIMITS)

    @staticmethod
    def nested(levels: int) -> bytes:
        heads = (f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(levels - 1))
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
        assert structure(self.nested(2000)).findings[0].category == self.over

    def test_hundred_thousand_parts(self) -> None:
        result = structure(multipart("b", *[b"\r\nx"] * 100_000))
        assert len(list(result.root.walk())) == 10_000
        assert result.findings[0].category == self.over

    def test_overlong_field(self) -> None:
        padding = b"x=" + b"y" * 70_000
        octets = b"Content-Type: multipart/mixed; " + padding + b"; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n"
        assert [found.category for found in structure(octets).findings] == [self.over]

    def test_overlong_boundary(self) -> None:
        assert ambiguities(multipart("b" * 2000, b"\r\none")) == ["overlong boundary parameter"]
