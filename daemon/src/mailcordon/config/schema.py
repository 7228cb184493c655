"""The JSON schema of a fragment (draft 2020-12), for editors, the documentation and tests."""

from collections.abc import Iterator, Mapping
from typing import Any

from mailcordon.config.bank import REPLACE
from mailcordon.config.retired import RENAMED, RETIRED
from mailcordon.config.schema_types import NAMED, Schema
from mailcordon.config.settings import Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
POLICY_BANK = "policy-bank"
_BANK = "_CheckedPolicyBank"


def json_schema() -> Schema:
    """What may stand in a fragment. Nothing is required: a fragment holds what it changes."""
    raw = Settings.model_json_schema()
    definitions: dict[str, Schema] = {}
    for name, model in raw.get("$defs", {}).items():
        definitions[POLICY_BANK if name == _BANK else name] = _plain(model, definitions)
    properties = _properties(raw, definitions)
    bank = definitions[POLICY_BANK]
    # A member of the model, not of a fragment: it holds what the REPLACE keys say.
    bank["properties"] = {
        name: _replaceable(member) for name, member in bank["properties"].items() if name != "replaced"
    }
    bank.pop("title")
    bank["description"] = "A set of settings that hold for some messages only."
    for name, why in _old_names():
        properties[name] = {"deprecated": True, "description": why}
        if name in RENAMED and RENAMED[name] in bank["properties"]:
            bank["properties"][name] = properties[name]
    return {
        "$schema": DIALECT,
        "title": "mailcordon",
        "description": "A fragment of mailcordon's configuration.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _old_names() -> Iterator[tuple[str, str]]:
    for name, present in RENAMED.items():
        yield name, f"amavisd's old name of {present}."
    yield from RETIRED.items()


def _properties(model: Mapping[str, Any], definitions: dict[str, Schema]) -> dict[str, Schema]:
    return {name: _property(member, definitions) for name, member in model["properties"].items()}


def _property(member: Schema, definitions: dict[str, Schema]) -> Schema:
    plain: Schema = _plain(member, definitions)
    # Titles that pydantic makes of the name say nothing, and a default of None means that a bank is silent.
    plain.pop("title", None)
    plain.pop("default", None)
    return plain


def _plain(schema: Any, definitions: dict[str, Schema]) -> Any:
    """The schema with named parts in the definitions, and with its references to them."""
    if isinstance(schema, list):
        return [_plain(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if NAMED in schema:
        name = schema[NAMED]
        body = {key: value for key, value in schema.items() if key not in (NAMED, "title", "description", "default")}
        definitions[name] = body
        reference = {"$ref": f"#/$defs/{name}"}
        return {**reference, "description": schema["description"]} if "description" in schema else reference
    if "$ref" in schema:
        return {**schema, "$ref": schema["$ref"].replace(_BANK, POLICY_BANK)}
    if "properties" in schema and isinstance(schema["properties"], dict):
        return {
            **{key: _plain(value, definitions) for key, value in schema.items() if key != "properties"},
            "properties": _properties(schema, definitions),
        }
    return {key: _plain(value, definitions) for key, value in schema.items()}


def _replaceable(member: Schema) -> Schema:
    """A table in a bank may say that it replaces the former one."""
    if member.get("type") != "object":
        return member
    replaced = {
        **member,
        "properties": {REPLACE: {"type": "boolean", "description": "Replace the former table; do not merge."}},
    }
    if "propertyNames" in member:
        replaced["propertyNames"] = {"anyOf": [member["propertyNames"], {"const": REPLACE}]}
    return replaced
