"""Variables of the playbooks: docs/playbooks.md names all of them, and job templates for AWX ask for no others."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = ROOT / "playbooks"
PAGE = ROOT / "docs/playbooks.md"
AWX = ROOT / "extensions/awx"
TEMPLATES: list[dict[str, Any]] = yaml.safe_load((AWX / "job_templates.yml").read_text())["controller_templates"]
NAMES = sorted(path.stem for path in PLAYBOOKS.glob("*.yml"))
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (?:`([^`]*)`)? ?\| (.+) \|$", re.MULTILINE)
# No part of a module's name, no private variable, and nothing that is set here
USE = re.compile(r"(?<![\w.])(gateway_\w+|mailcordon_hosts|mailcordon_rollback_to)\b(?!:)")
DEFAULT = re.compile(r"(?<![\w.])(gateway_\w+) \| default\((\d+|true|false)(?:, true)?\)")
FILE = re.compile(r"\b((?:tasks|templates)/\w+\.\w+(?:\.j2)?)\b")
COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
# Types of surveys by the types of argument specifications and of docs/playbooks.md; AWX has no boolean
SURVEY_TYPES = {
    "str": "text",
    "path": "text",
    "text": "text",
    "int": "integer",
    "integer": "integer",
    "float": "float",
    "number": "float",
    "bool": "multiplechoice",
    "boolean": "multiplechoice",
}
QUESTION_KEYS = {
    *("question_name", "question_description", "variable", "type", "required", "default"),
    *("choices", "min", "max"),
}


def source(name: str) -> str:
    """A playbook with all files that it uses, without comments."""
    text = (PLAYBOOKS / f"{name}.yml").read_text()
    seen: set[str] = set()
    while new := set(FILE.findall(text)) - seen:
        seen |= new
        text += "".join((PLAYBOOKS / file).read_text() for file in sorted(new))
    return COMMENT.sub("", text)


def documented() -> dict[str, dict[str, tuple[str, str]]]:
    """Type and default of each variable by playbook; those of all playbooks stand under each."""
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    tables = {
        title: {name: (kind, default) for name, kind, default, _ in ROW.findall(text)}
        for title, text in sections.items()
    }
    common = tables.pop("All playbooks")
    return {title: {**common, **table} for title, table in tables.items()}


def role_options(playbook: str) -> dict[str, dict[str, Any]]:
    """The specifications of all variables of the roles that a playbook uses."""
    found: dict[str, dict[str, Any]] = {}
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        if f"mailcordon.gateway.{path.parent.parent.name}" in source(playbook):
            found |= yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"]
    return found


def questions() -> list[Any]:
    return [
        pytest.param(
            template["playbook"].removesuffix(".yml"), question, id=f"{template['playbook']} {question['variable']}"
        )
        for template in TEMPLATES
        for question in template["survey_spec"]["spec"]
    ]


each_playbook = pytest.mark.parametrize("name", NAMES)
each_template = pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template["playbook"])
each_question = pytest.mark.parametrize(("playbook", "question"), questions())


def test_every_playbook_has_its_section() -> None:
    assert sorted(documented()) == NAMES


@each_playbook
def test_variables_are_documented(name: str) -> None:
    used = set(USE.findall(source(name)))
    if name == "rollback":
        used |= {"mailcordon_rollback_to"}  # used by the role's tasks
    assert used == set(documented()[name])


@each_playbook
def test_documented_defaults_are_the_real_ones(name: str) -> None:
    for variable, default in DEFAULT.findall(source(name)):
        assert documented()[name][variable][1] == default, variable


def test_every_playbook_has_a_job_template() -> None:
    assert sorted(template["playbook"] for template in TEMPLATES) == [f"{name}.yml" for name in NAMES]


@each_template
def test_project_has_the_playbook(template: dict[str, Any]) -> None:
    """AWX runs files of a project; each one hands over to the collection's playbook."""
    plays = yaml.safe_load((AWX / "project" / template["playbook"]).read_text())
    name = template["playbook"].removesuffix(".yml")
    assert [play["ansible.builtin.import_playbook"] for play in plays] == [f"mailcordon.gateway.{name}"]


@each_template
def test_module_of_awx_takes_the_template(template: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key is an option of awx.awx.job_template, with a value of the right type."""
    module = importlib.import_module("ansible_collections.awx.awx.plugins.modules.job_template")
    validator = importlib.import_module("ansible.module_utils.common.arg_spec").ArgumentSpecValidator
    specs: list[dict[str, Any]] = []

    def record(argument_spec: dict[str, Any], **_: object) -> None:
        specs.append(argument_spec)
        raise InterruptedError

    monkeypatch.setattr(module, "ControllerAPIModule", record)
    with pytest.raises(InterruptedError):
        module.main()
    assert validator(specs[0]).validate(template).error_messages == []
    assert template["survey_enabled"] is True
    assert set(template["survey_spec"]) == {"name", "description", "spec"}


@each_question
def test_question_is_well_formed(playbook: str, question: dict[str, Any]) -> None:
    assert set(question) <= QUESTION_KEYS
    assert {"question_name", "question_description", "variable", "type", "required", "default"} <= set(question)
    if question["type"] == "multiplechoice":
        assert question["default"] in question["choices"]
    else:
        assert "choices" not in question
    if question["required"]:
        assert question["default"] != ""


@each_question
def test_question_asks_for_a_variable_of_the_playbook(playbook: str, question: dict[str, Any]) -> None:
    """It has the variable's type, and its default unless that is an expression."""
    name = question["variable"]
    option = role_options(playbook).get(name)
    if option is not None:
        kind, default, choices = option["type"], option.get("default"), option.get("choices")
    else:
        kind, default = documented()[playbook][name]
        choices = None
    if choices:
        assert (question["type"], question["choices"]) == ("multiplechoice", choices)
    else:
        assert question["type"] == SURVEY_TYPES[kind]
    if kind in {"bool", "boolean"}:
        assert question["choices"] == ["true", "false"]
    if default is not None:
        assert str(question["default"]).lower() == str(default).lower()
