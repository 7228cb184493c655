"""End of data and dot-unstuffing (B6.12, features 18.19), against a plain reference and the known smuggling forms."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailcordon.receive.dot_stuffing import DataDecoder

PIECES = st.sampled_from(
    [b"\r", b"\n", b".", b"a", b"\r\n", b".\r\n", b"\r\n.", b"\r\n.\r\n", b"\r\n..", b"\x00", b"\xff"]
)


def reference(octets: bytes) -> tuple[bytes, bytes | None]:
    """RFC 5321 4.5.2 line by line, on the whole input."""
    content = b""
    rest = octets
    while True:
        line, end, following = rest.partition(b"\r\n")
        if not end:
            return content + line.removeprefix(b"."), None
        if line == b".":
            return content, following
        content += line.removeprefix(b".") + end
        rest = following


def decode(chunks: list[bytes]) -> tuple[bytes, bytes | None]:
    decoder = DataDecoder()
    content = b""
    for number, chunk in enumerate(chunks):
        decoded, rest = decoder.feed(chunk)
        content += decoded
        if rest is not None:
            return content, rest + b"".join(chunks[number + 1 :])
    return content, None


@given(st.lists(PIECES, max_size=30).map(b"".join), st.lists(st.integers(0, 120), max_size=12))
@example(b".\r\n", [1, 2])
@example(b"a\r\n.\r\nQUIT\r\n", [3, 4, 5])
def test_any_split_decodes_like_the_reference(octets: bytes, cuts: list[int]) -> None:
    """B6.12: where the network cuts the stream changes nothing."""
    edges = [0, *sorted(cut for cut in cuts if cut < len(octets)), len(octets)]
    chunks = [octets[a:b] for a, b in itertools.pairwise(edges)]
    content, rest = decode(chunks)
    expected, expected_rest = reference(octets)
    assert rest == expected_rest
    if rest is not None:
        assert content == expected
    else:
        # Octets that may still become the end of data are held back.
        assert expected.startswith(content)
        finished, _ = decode([*chunks, b"x\r\n.\r\n"])
        assert finished == reference(octets + b"x\r\n.\r\n")[0]


@given(st.lists(PIECES, max_size=30).map(b"".join))
def test_what_a_client_stuffs_comes_out_again(message: bytes) -> None:
    """RFC 5321 4.5.2 there and back: octets of any kind, byte by byte (design rule 3)."""
    stuffed = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    assert decode([bytes([octet]) for octet in stuffed + b"\r\n.\r\nQUIT"]) == (message + b"\r\n", b"QUIT")


SMUGGLING = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\x00.\r\n",
    b"\r\n.\x00\r\n",
    b"\r\n.\r\r\n",
    b"\r\n. \r\n",
    b"\n\n.\n\n",
]


@pytest.mark.parametrize("fake_end", SMUGGLING, ids=repr)
def test_smuggled_end_of_data_is_content(fake_end: bytes) -> None:
    """Features 18.19: nothing but CR LF . CR LF ends the data; what follows a fake end stays in the message."""
    hidden = b"MAIL FROM:<evil@example>\r\n"
    content, rest = decode([b"first" + fake_end + hidden + b"\r\n.\r\n"])
    assert rest == b""
    assert hidden in content
    assert content.replace(b"\r\n", b"").count(b"\n") == fake_end.replace(b"\r\n", b"").count(b"\n")


@pytest.mark.parametrize("prefix", [b"", b"text\r\n", b"\r\n", b"\n\r\n", b"\r\r\n"], ids=repr)
def test_the_real_end_of_data_ends_it(prefix: bytes) -> None:
    """The harmless twin: CR LF . CR LF ends the data after any line, also after none."""
    assert decode([prefix + b".\r\nRSET\r\n"]) == (prefix, b"RSET\r\n")
