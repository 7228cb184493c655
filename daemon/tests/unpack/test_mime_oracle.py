"""On well-formed mail the splitter agrees with the standard library's parser, octet by octet (issue 6)."""

import base64
import email
import quopri
from collections.abc import Iterator
from email.message import Message

from hypothesis import given, settings
from hypothesis import strategies as st

from mailcordon.unpack import decoded, split

LINES = st.lists(
    st.one_of(
        st.text("abc- =:\t", max_size=20), st.sampled_from(["--", "--b", "--b1--", "", "Content-Type: x/y", "--1-x"])
    ),
    max_size=6,
).map("\r\n".join)
NAMES = st.one_of(st.none(), st.text("abcäöü .;\"'()", min_size=1, max_size=12))
TYPES = st.sampled_from(["text/plain", "text/html", "application/octet-stream", "IMAGE/png"])
OCTETS = st.binary(max_size=120)
BODIES: dict[str | None, st.SearchStrategy[bytes]] = {
    None: LINES.map(str.encode),
    "7bit": LINES.map(str.encode),
    "8bit": OCTETS.map(lambda octets: octets.replace(b"\r", b"").replace(b"\n", b"\r\n")),
    "Binary": OCTETS.map(lambda octets: octets.replace(b"\r", b"")),
    "base64": OCTETS.map(base64.encodebytes).map(lambda text: text.replace(b"\n", b"\r\n")),
    "Quoted-Printable": OCTETS.map(quopri.encodestring).map(lambda text: text.replace(b"\r", b"=0D")),
}
"""By transfer encoding; None: the field is left out. A bare CR is no part of well-formed mail."""


@st.composite
def leaves(draw: st.DrawFn) -> bytes:
    message = Message()
    message["Content-Type"] = draw(TYPES)
    name = draw(NAMES)
    encoding = draw(st.sampled_from(list(BODIES)))
    if encoding is not None:
        message["Content-Transfer-Encoding"] = encoding
    if name is not None:
        message.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
    header = message.as_bytes().replace(b"\n", b"\r\n")
    return header + draw(BODIES[encoding])


def containers(children: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    embedded = children.map(lambda child: b"Content-Type: message/rfc822\r\n\r\n" + child)
    several = st.lists(children, min_size=1, max_size=3)
    multiparts = st.builds(_multipart, several, st.sampled_from([b"mixed", b"alternative", b"signed", b"report"]))
    # In a digest, what is not said to be something else is a message.
    digests = st.lists(children.map(lambda child: b"\r\n" + child), min_size=1, max_size=3).map(
        lambda messages: _multipart(messages, b"digest")
    )
    return st.one_of(embedded, multiparts, digests)


def _multipart(children: list[bytes], subtype: bytes) -> bytes:
    boundary = _unused_boundary(children)
    head = b"Content-Type: multipart/" + subtype + b'; boundary="' + boundary + b'"\r\n\r\npreamble\r\n'
    body = b"".join(b"--" + boundary + b"\r\n" + child + b"\r\n" for child in children)
    return head + body + b"--" + boundary + b"--\r\nepilogue"


def _unused_boundary(children: list[bytes]) -> bytes:
    number = 0
    while any(b"%d-%d" % (number, number) in child for child in children):
        number += 1
    return b"%d-%d" % (number, number)


MESSAGES = st.recursive(leaves(), containers, max_leaves=12)


def leaf_parts(message: Message) -> Iterator[Message]:
    return (part for part in message.walk() if not part.is_multipart())


def decoded_body(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload


@settings(max_examples=300, deadline=None)
@given(MESSAGES)
def test_same_parts_as_the_standard_library(octets: bytes) -> None:
    view = memoryview(octets)
    structure = split(view)
    assert structure.findings == ()
    theirs = list(email.message_from_bytes(octets).walk())
    ours = list(structure.root.walk())
    assert [part.content_type for part in ours] == [part.get_content_type() for part in theirs]
    assert [bool(part.children) for part in ours] == [part.is_multipart() for part in theirs]
    leaves_of_ours = [part for part in ours if not part.children]
    leaves_of_theirs = [part for part in theirs if not part.is_multipart()]
    for our, their in zip(leaves_of_ours, leaves_of_theirs, strict=True):
        assert decoded(view, our) == decoded_body(their)
        name = their.get_filename()
        if name is not None:
            assert our.names == ((name.strip(),) if name.strip() else ())


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=300) | st.text('-bB:;=\r\n \tContent-Typemultipart/mixedboundary"', max_size=300).map(str.encode)
)
def test_any_octets_give_a_sound_tree(octets: bytes) -> None:
    root = split(memoryview(octets)).root
    assert (root.start, root.end) == (0, len(octets))
    for part in root.walk():
        assert part.start <= part.body_start <= part.end <= len(octets)
        position = part.body_start
        for child in part.children:
            assert position <= child.start <= child.end <= part.end
            position = child.end
