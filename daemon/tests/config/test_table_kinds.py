"""Every setting that is a lookup takes every kind of table that fits its values (features 10.11, 5.28, 5.29)."""

from collections.abc import Callable
from typing import Any

import pytest

from mailcordon.config.lookup import Lookup
from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.policy import policies_for
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Recipient

MakeSettings = Callable[..., Settings]
BOB, EVE = "bob@example.test", "eve@example.test"
VALUES: dict[Any, Any] = {Lookup[bool]: True, Lookup[float]: 1.5, Lookup[str]: "text"}


LOOKUPS = [
    pytest.param(name, VALUES[field.annotation], id=name)
    for name, field in MessageSettings.model_fields.items()
    if field.annotation in VALUES
]


def test_there_are_lookups_of_all_types() -> None:
    """The test below must have something to look at."""
    assert len(LOOKUPS) > 30
    assert VALUES.keys() <= {field.annotation for field in MessageSettings.model_fields.values()}


@pytest.mark.parametrize(("name", "value"), LOOKUPS)
def test_kinds(make_settings: MakeSettings, name: str, value: Any) -> None:
    """Features 10.11: hash, regexp and constant tables in all of them, access lists where yes or no is the answer."""
    tables: list[dict[str, Any]] = [{"hash": {BOB: value}}, {"regexp": [["^bob@", value]]}]
    if value is True:
        tables += [{"acl": [BOB]}]
    for table in tables:
        lookup = getattr(make_settings(**{name: table}), name)
        assert (lookup.find(BOB), lookup.find(EVE)) == (value, None)
    assert getattr(make_settings(**{name: {"constant": value}}), name).find(EVE) == value
    assert getattr(make_settings(**{name: [*tables, value]}), name).find(EVE) == value


@pytest.mark.parametrize("setting", ["bypass_virus_checks", "bypass_spam_checks"])
@pytest.mark.parametrize(
    "table",
    [
        {"hash": {BOB: True}},
        [BOB],
        {"regexp": [["^bob@", True]]},
        [{"hash": {"other@example.test": True}}, {"acl": [BOB]}, {"regexp": []}],
    ],
    ids=["hash", "access list", "regexp", "several"],
)
def test_exceptions_from_checks(make_settings: MakeSettings, setting: str, table: Any) -> None:
    """Features 5.28, 5.29: checks are on, and single recipients have none of them; an empty list exempts nobody."""
    recipients = [Recipient(BOB), Recipient(EVE)]
    policies = policies_for(make_settings(**{setting: table}), recipients)
    assert [getattr(policy, setting) for policy in policies] == [True, False]
    policies = policies_for(make_settings(**{setting: []}), recipients)
    assert [getattr(policy, setting) for policy in policies] == [False, False]
