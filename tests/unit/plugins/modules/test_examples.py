# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example in the documentation of a module is accepted by the module's own argument specification."""

from __future__ import annotations

import importlib
import pathlib

import pytest
import yaml
from ansible.module_utils.basic import FILE_COMMON_ARGUMENTS
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

PACKAGE = "ansible_collections.mailcordon.gateway.plugins.modules"
MODULES = sorted(
    path.stem
    for path in (pathlib.Path(__file__).resolve().parents[4] / "plugins" / "modules").glob("*.py")
    if path.stem != "__init__"
)
CONSTRAINTS = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
# Stands for an expression that only a playbook can resolve
RESOLVED = {"int": 1, "float": 1.0, "bool": True, "dict": {}, "list": []}


class HandedOverError(Exception):
    """Ends a module's main() where it has handed over its specification."""


def specification(module, monkeypatch):
    """The arguments with which a module makes its AnsibleModule."""
    handed_over = {}

    def record(**arguments):
        handed_over.update(arguments)
        raise HandedOverError

    monkeypatch.setattr(module, "AnsibleModule", record)
    with pytest.raises(HandedOverError):
        module.main()
    return handed_over


def resolved(value, option):
    """A value as it is after templating."""
    if isinstance(value, str) and "{{" in value:
        return option["choices"][0] if "choices" in option else RESOLVED.get(option.get("type"), value)
    return value


def examples(module, name):
    """The arguments of the module in all tasks of its examples."""
    full_name = "mailcordon.gateway.%s" % name
    return [task[full_name] for task in yaml.safe_load(module.EXAMPLES) if full_name in task]


def errors(spec, arguments):
    options = dict(FILE_COMMON_ARGUMENTS if spec.get("add_file_common_args") else {}, **spec["argument_spec"])
    validator = ArgumentSpecValidator(options, **{key: spec[key] for key in CONSTRAINTS if key in spec})
    values = {key: resolved(value, options.get(key, {})) for key, value in (arguments or {}).items()}
    return validator.validate(values).error_messages


@pytest.fixture(params=MODULES)
def module(request):
    return importlib.import_module("%s.%s" % (PACKAGE, request.param))


def test_modules_are_found():
    assert "clamav_conf" in MODULES


def test_examples_are_valid(module, monkeypatch):
    name = module.__name__.rpartition(".")[2]
    shown = examples(module, name)
    assert shown, "%s has no example that uses it" % name
    spec = specification(module, monkeypatch)
    for arguments in shown:
        assert errors(spec, arguments) == []


def test_examples_have_names(module):
    assert [task for task in yaml.safe_load(module.EXAMPLES) if "name" not in task] == []


def test_a_wrong_example_would_be_found(monkeypatch):
    """The twin of the first test."""
    clamav_conf = importlib.import_module(PACKAGE + ".clamav_conf")
    spec = specification(clamav_conf, monkeypatch)
    assert errors(spec, {"type": "clamd", "colour": "green"}) != []
    assert errors(spec, {"type": "milter"}) != []


def test_the_action_group_has_all_modules():
    """module_defaults for the group must reach every module."""
    runtime = yaml.safe_load((pathlib.Path(__file__).resolve().parents[4] / "meta" / "runtime.yml").read_text())
    assert sorted(runtime["action_groups"]["gateway"]) == MODULES
