"""Examples and tables of docs/notifications.md are those of the program."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from mailcordon.act.notice_context import NoticeContext, sample_contexts
from mailcordon.act.template import FILTERS, NoticeTemplate

PAGE = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```jinja\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    """The test below must have something to try."""
    assert EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_is_a_good_template(example: str) -> None:
    """It makes sense with everything known and with nothing."""
    full, bare = (NoticeTemplate(example, "example").render(context) for context in sample_contexts())
    assert ("Subject", "Not delivered: Hello") in full.fields
    assert "<bob@example.com>" in full.text
    assert "because of Eicar-Test-Signature, Another." in full.text
    assert ("Subject", "Not delivered") in bare.fields


def test_every_variable_and_filter_is_documented() -> None:
    assert [field.name for field in fields(NoticeContext) if f"`{field.name}`" not in PAGE] == []
    assert [name for name in FILTERS - {"d"} if not re.search(rf"\b{name}\b", PAGE)] == []
