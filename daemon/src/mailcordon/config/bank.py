"""A policy bank: a named set of overrides of per-message settings (B4.01)."""

import copy
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetPydanticSchema, create_model, model_validator

from mailcordon.config.bank_names import BankName
from mailcordon.config.fingerprint_method import FingerprintMethod
from mailcordon.config.lookup_parse import is_lookup_table
from mailcordon.config.message_settings import MessageSettings

REPLACE = "REPLACE"
"""Key of a table in a bank: the table takes the place of the former one and is not merged into it (B4.01)."""


class PolicyBank(BaseModel):
    """What the banks have in common; each member of `MessageSettings` is a field, None where the bank is silent."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    replaced: frozenset[str] = frozenset()
    """Names of the tables that replace former ones."""
    child_timeout: int | None = None
    originating: bool | None = None
    tls_security_level_in: str | None = None
    l10n_language: str | None = None
    os_fingerprint_method: FingerprintMethod | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_replace_out(cls, raw: object) -> object:
        if not isinstance(raw, dict):
            return raw
        if "replaced" in raw:
            raise ValueError("unknown setting replaced")
        members, replaced = split_replace(raw)
        return {**members, "replaced": replaced}

    def members(self) -> dict[str, Any]:
        """The overrides, by name of the setting."""
        return {name: getattr(self, name) for name in self.model_fields_set if name != "replaced"}


def split_replace(raw: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """The members of a bank as written, without REPLACE keys, and the names of those tables that had one set."""
    members = dict(raw)
    replaced = set()
    for name, value in raw.items():
        if isinstance(value, Mapping) and REPLACE in value:
            members[name] = {key: item for key, item in value.items() if key != REPLACE}
            if value[REPLACE]:
                replaced.add(name)
    return members, frozenset(replaced)


def overlay(
    values: Mapping[str, Any], members: Mapping[str, Any], replaced: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """`values` under a bank: tables merge key by key unless `replaced`, everything else gives way (B4.01).

    Serves settings as written and as validated alike; a lookup is one value in either form.
    """
    result = dict(values)
    for name, value in members.items():
        present = result.get(name)
        if (
            isinstance(value, Mapping)
            and isinstance(present, Mapping)
            and name not in replaced
            and not is_lookup_table(value)
        ):
            result[name] = {**present, **value}
        else:
            result[name] = value
    return result


def _optional_members() -> dict[str, Any]:
    fields = {}
    for name, field in MessageSettings.model_fields.items():
        optional = copy.copy(field)
        optional.default = None
        fields[name] = (field.annotation, optional)
    return fields


_CheckedPolicyBank = create_model("_CheckedPolicyBank", __base__=PolicyBank, **_optional_members())

PolicyBanksTable = dict[
    BankName, Annotated[PolicyBank, GetPydanticSchema(lambda _source, handler: handler(_CheckedPolicyBank))]
]
