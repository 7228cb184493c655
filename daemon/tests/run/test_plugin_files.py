"""Only root may change a plugin (features 1.16, 6.09). Run as root, the tests use an account that is everywhere."""

import json
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mailcordon.cli.main import main
from mailcordon.config.settings import Settings
from mailcordon.run.account import Account
from mailcordon.run.plugin_files import plugin_problems

MakeSettings = Callable[..., Settings]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="files of other accounts are made here")
NOBODY = pwd.getpwnam("nobody")
MARK = "ran"
PLUGIN = """
import pathlib
from mailcordon.hooks import hookimpl

pathlib.Path(__file__).with_name("ran").touch()

@hookimpl
def after_checks(message):
    pass
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A plugin in a directory of its own, as it must be; it leaves a mark when it is run."""
    directory = tmp_path / "plugins"
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    path = directory / "ours.py"
    path.write_text(PLUGIN)
    path.chmod(0o644)
    return path


def problems(make_settings: MakeSettings, plugin: Path, account: Account | None = None, **options: Any) -> list[str]:
    return plugin_problems(make_settings(plugins=[str(plugin)]), account or Account.named("nobody"), **options)


@as_root
def test_good_plugin(make_settings: MakeSettings, plugin: Path) -> None:
    """The twin of all that follow, for the daemon's account and for root."""
    assert problems(make_settings, plugin) == []
    assert problems(make_settings, plugin, Account.own()) == []
    assert plugin.with_name(MARK).exists()


@as_root
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda file: os.chown(file, NOBODY.pw_uid, 0), "{file}: must belong to root, mode 0644"),
        (lambda file: os.chown(file.parent, NOBODY.pw_uid, 0), "{directory}: must belong to root, mode 0755"),
        (lambda file: file.chmod(0o664), "{file}: can be changed by others than root (mode 0664); 0644 is right"),
        (lambda file: file.chmod(0o646), "{file}: can be changed by others than root (mode 0646); 0644 is right"),
        (lambda file: file.parent.chmod(0o777), "{directory}: can be changed by others than root (mode 0777); 0755 is"),
        (lambda file: file.chmod(0o600), "{file}: cannot be read by nobody"),
        (lambda file: file.unlink(), "{file}: No such file or directory"),
    ],
)
def test_plugin_of_others(
    make_settings: MakeSettings, plugin: Path, spoil: Callable[[Path], None], problem: str
) -> None:
    """It is named with the reason and what is right, and its code is not run."""
    spoil(plugin)
    (line,) = problems(make_settings, plugin)
    assert line.startswith("plugins: " + problem.format(file=plugin, directory=plugin.parent))
    assert not plugin.with_name(MARK).exists()


@as_root
def test_link_to_a_file_of_others(make_settings: MakeSettings, plugin: Path, tmp_path: Path) -> None:
    """What a link points at must be root's, with its directory."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "real.py").write_text(PLUGIN)
    os.chown(theirs, NOBODY.pw_uid, 0)
    plugin.unlink()
    plugin.symlink_to(theirs / "real.py")
    assert problems(make_settings, plugin) == [f"plugins: {theirs}: must belong to root, mode 0755"]


def test_own_files_for_trials(make_settings: MakeSettings, plugin: Path) -> None:
    """With --own-config everything may belong to anybody; it must still be a plugin."""
    plugin.chmod(0o666)
    assert problems(make_settings, plugin, own_files=True) == []
    plugin.write_text("x = 1\n")
    assert problems(make_settings, plugin, own_files=True)[0].startswith(f"plugins: {plugin}: has no hook in it")


def test_check_config(plugin: Path, tmp_path: Path) -> None:
    """check-config says everything at once, and nothing about a good plugin."""
    fragments = tmp_path / "conf.d"
    fragments.mkdir()
    fragment = fragments / "50-user.toml"

    def run(sources: list[str]) -> dict[str, Any]:
        fragment.write_text(f'myhostname = "gate.example.test"\nplugins = {json.dumps(sources)}\n')
        result = CliRunner().invoke(main, ["check-config", "--config-dir", str(fragments), "--own-config", "--json"])
        shown: dict[str, Any] = json.loads(result.stdout)
        assert result.exit_code == (0 if shown["ok"] else 1)
        return shown

    assert run([str(plugin)])["ok"]
    missing = str(tmp_path / "missing.py")
    plugin.write_text("def broken(:\n")
    assert run([missing, str(plugin)])["errors"] == [
        f"{fragment}:2: plugins: {missing}: there is no such file",
        f"{fragment}:2: plugins: {plugin}: line 1: invalid syntax",
    ]
