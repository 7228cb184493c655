"""Helpers for tests of plugins: files of plugins, and messages that meet them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.hooks.plugins import HookedMail, Plugins
from mailcordon.mail.message import Mail

IMPORTS = (
    "from mailcordon.hooks import AbuseContact, FeedbackType, HookError, OwnReceived, SignedField, hookimpl\n"
    "import sys, threading, time\n"
)


def write_plugin(directory: Path, body: str, name: str = "ours") -> str:
    """A plugin; the answer is for the setting `plugins`."""
    path = directory / f"{name}.py"
    path.write_text(IMPORTS + body)
    path.chmod(0o644)
    return str(path)


def hook(point: str, *statements: str) -> str:
    """The text of one hook."""
    return f"@hookimpl\ndef {point}(message):\n" + "".join(f"    {line}\n" for line in statements)


@dataclass
class Bench:
    """Meets messages with plugins that are written on the spot."""

    directory: Path
    make_settings: Callable[..., Settings]

    def plugins(self, *bodies: str, **overrides: Any) -> Plugins:
        """One plugin for each of `bodies`, named a, b and so on."""
        sources = [write_plugin(self.directory, body, chr(ord("a") + number)) for number, body in enumerate(bodies)]
        plugins = Plugins.of(PolicyBanks(self.make_settings(plugins=sources, **overrides)))
        assert plugins is not None
        return plugins

    def meet(self, mail: Mail, *bodies: str, **overrides: Any) -> HookedMail:
        """The message in front of them."""
        return self.plugins(*bodies, **overrides).meet(mail)
