"""Plugins are loaded as configured, or refused with one line for each that is wrong (features 6.09)."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError
from mailcordon.hooks.load import load_plugins

from .hooking import IMPORTS, hook, write_plugin

MakeSettings = Callable[..., Settings]

DOCUMENT = Path(__file__).parents[3] / "docs" / "plugins.md"
GOOD = hook("after_checks", "pass")
BAD = [
    ("def broken(:\n", "line 3: invalid syntax"),
    ("x = 1\n", "has no hook in it; the hooks are message_received, before_checks, after_checks, before_send, after_s"),
    ("def after_checks(message):\n    pass\n", "after_checks lacks @hookimpl"),
    (hook("after_check", "pass"), "there is no hook after_check; did you mean after_checks?"),
    (hook("zzz", "pass"), "there is no hook zzz; the hooks are message_received,"),
    ("raise RuntimeError('no\\nidea')\n", "line 3: RuntimeError: no idea"),
    ("sys.exit(3)\n", "line 3: SystemExit: 3"),
    ("import no_such_module_anywhere\n", "line 3: ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
    ("@hookimpl\nasync def after_checks(message):\n    pass\n", "after_checks must be a plain function"),
    ("@hookimpl(wrapper=True)\ndef after_checks(message):\n    yield\n", "after_checks is a wrapper of hooks"),
    ("@hookimpl\ndef after_checks(mail):\n    pass\n", "{'mail'} are declared in the hookimpl but can not be found"),
]


@pytest.mark.parametrize(("body", "problem"), BAD)
def test_bad_plugin(make_settings: MakeSettings, tmp_path: Path, body: str, problem: str) -> None:
    """One line that says what is wrong."""
    source = write_plugin(tmp_path, body)
    before = dict(sys.modules)
    with pytest.raises(ConfigError) as caught:
        load_plugins(make_settings(plugins=[source]))
    (line,) = caught.value.problems
    assert line.startswith(f"plugins: {source}: ")
    assert problem in line
    assert "\n" not in line
    if "lacks" not in problem and "hook" not in problem and "plain" not in problem:
        assert sys.modules.keys() == before.keys()


def test_everything_at_once(make_settings: MakeSettings, tmp_path: Path) -> None:
    """All problems are reported together, in the order of the setting."""
    sources = [str(tmp_path / "missing.py"), write_plugin(tmp_path, GOOD), "no_such.module", "no_such_module"]
    with pytest.raises(ConfigError) as caught:
        load_plugins(make_settings(plugins=sources))
    assert caught.value.problems == (
        f"plugins: {sources[0]}: there is no such file",
        "plugins: no_such.module: cannot be imported: No module named 'no_such'",
        "plugins: no_such_module: there is no such module",
    )


def test_every_hook_that_is_wrong(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Each has a line of its own, also within one plugin."""
    source = write_plugin(tmp_path, GOOD + hook("after_check", "pass") + hook("before_sent", "pass"))
    with pytest.raises(ConfigError) as caught:
        load_plugins(make_settings(plugins=[source]))
    assert caught.value.problems == (
        f"plugins: {source}: there is no hook after_check; did you mean after_checks?",
        f"plugins: {source}: there is no hook before_sent; did you mean before_send?",
    )


def test_names_must_differ(make_settings: MakeSettings, tmp_path: Path) -> None:
    """The name stands in log lines, so it must tell which plugin is meant."""
    (tmp_path / "other").mkdir()
    sources = [write_plugin(tmp_path, GOOD), write_plugin(tmp_path / "other", GOOD)]
    with pytest.raises(ConfigError, match="another plugin has the name ours, too"):
        load_plugins(make_settings(plugins=sources))


@pytest.mark.parametrize("source", ["plugin.py", "./x/plugin.py", "a b", "", 3])
def test_neither_file_nor_module(make_settings: MakeSettings, source: object) -> None:
    """A relative path would depend on where the daemon is started."""
    with pytest.raises(ValueError, match="neither the absolute path of a file nor the name of a module"):
        make_settings(plugins=[source])


def test_order_of_calls(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Hooks are called in the order of the setting, unless one wants to be first or last."""
    first = "@hookimpl(tryfirst=True)\ndef before_send():\n    pass\n"
    sources = [
        write_plugin(tmp_path, GOOD + hook("before_send", "pass"), "one"),
        write_plugin(tmp_path, GOOD + first, "two"),
        write_plugin(tmp_path, hook("before_send", "pass"), "three"),
    ]
    hooks = load_plugins(make_settings(plugins=sources))
    assert [hook.plugin for hook in hooks["after_checks"]] == ["one", "two"]
    assert [hook.plugin for hook in hooks["before_send"]] == ["two", "one", "three"]
    assert hooks["message_received"] == ()


def test_module_by_name(make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is installed may be named instead of a file; every load runs it anew."""
    name = "mailcordon_test_module"
    write_plugin(tmp_path, GOOD, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    once, again = (load_plugins(make_settings(plugins=[name]))["after_checks"][0] for _ in range(2))
    assert once.plugin == name
    assert once.function is not again.function


def test_file_is_read_as_it_stands(make_settings: MakeSettings, tmp_path: Path) -> None:
    """A changed file takes effect at the next load, and no compiled file is left beside it."""
    source = write_plugin(tmp_path, GOOD)
    assert load_plugins(make_settings(plugins=[source]))["after_checks"]
    # Of the same length, within the same second: a compiled file would pass for current.
    Path(source).write_text(IMPORTS + GOOD.replace("after_checks", "before_send "))
    hooks = load_plugins(make_settings(plugins=[source]))
    assert hooks["before_send"]
    assert not hooks["after_checks"]
    assert not (tmp_path / "__pycache__").exists()


def test_documentation(make_settings: MakeSettings, tmp_path: Path) -> None:
    """The example of a hook in the documentation is one, every hook is told of, and the defaults are true."""
    text = DOCUMENT.read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    path = tmp_path / "documented.py"
    path.write_text(examples[0])
    settings = make_settings(plugins=[str(path)])
    hooks = load_plugins(settings)
    assert len(hooks["after_checks"]) == 1
    assert all(f"\n| `{name}` | " in text for name in hooks)
    defaults = re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE)
    assert len(defaults) == 3
    assert all(getattr(settings, name) == int(value) for name, value in defaults)
