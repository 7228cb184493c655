"""Replies on the wire: multi-line form, length limit, nothing that could pass for a reply of its own."""

import re

from hypothesis import given
from hypothesis import strategies as st

from mailcordon.mail.reply import Reply
from mailcordon.receive.replies import LINE_LIMIT, render, render_lines


def test_short_reply_is_one_line() -> None:
    assert render(Reply(250, "2.6.0", "Ok, id=1-01")) == b"250 2.6.0 Ok, id=1-01\r\n"
    assert render(Reply(354, "", "End data")) == b"354 End data\r\n"


def test_long_text_is_wrapped_with_code_and_enhanced_code_on_each_line() -> None:
    """B5.11: reply lines wrapped to 512 octets."""
    words = " ".join(f"word{number}" for number in range(200))
    octets = render(Reply(554, "5.7.0", words))
    lines = octets.split(b"\r\n")
    assert lines.pop() == b""
    assert len(lines) > 2
    assert all(line.startswith(b"554-5.7.0 ") for line in lines[:-1])
    assert lines[-1].startswith(b"554 5.7.0 ")
    assert b" ".join(line[10:] for line in lines).decode() == words


def test_lines_of_a_remote_reply_stay_lines_and_controls_vanish() -> None:
    assert render(Reply(450, "4.1.1", "one\r\ntwo\tthree\x00")) == b"450-4.1.1 one\r\n450 4.1.1 two?three?\r\n"


def test_octets_of_an_address_come_back_as_they_were() -> None:
    address = b"j\xf6rg\xc3\xb6@b.example".decode("utf-8", "surrogateescape")
    assert b"<j\xf6rg\xc3\xb6@b.example>" in render(Reply(250, "2.1.0", f"Sender <{address}> OK"))


def test_list_of_lines() -> None:
    assert render_lines(250, [b"host", b"SIZE"]) == b"250-host\r\n250 SIZE\r\n"
    assert render_lines(250, [b"host"]) == b"250 host\r\n"


@given(st.text(max_size=3000), st.sampled_from(["", "2.0.0"]))
def test_any_text_gives_lines_that_a_client_can_read(text: str, enhanced: str) -> None:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return
    octets = render(Reply(250, enhanced, text))
    lines = octets.split(b"\r\n")
    assert lines.pop() == b""
    for line in lines:
        assert len(line) + 2 <= LINE_LIMIT
        assert not re.search(rb"[\x00-\x1f\x7f]", line)
    assert all(line.startswith(b"250-") for line in lines[:-1])
    assert lines[-1].startswith(b"250 ")
