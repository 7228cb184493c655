"""Rules for file types (B12.07, features 5.47)."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from mailcordon.config.settings import Settings


def test_one_type_or_several(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(map_full_type_to_short_type_re=[["^Windows Help", ["exe", "hlp"]], ["^TeX", "tex"]])
    assert settings.map_full_type_to_short_type_re == [("^Windows Help", ["exe", "hlp"]), ("^TeX", ["tex"])]


@pytest.mark.parametrize(
    "entry", [["(", "exe"], ["(a+)+$", "exe"], ["^x", ".exe"], ["^x"], "^x", ["^x", [""]]], ids=str
)
def test_wrong_ones_are_refused(make_settings: Callable[..., Settings], entry: object) -> None:
    with pytest.raises(ValidationError, match="map_full_type_to_short_type_re"):
        make_settings(map_full_type_to_short_type_re=[entry])
