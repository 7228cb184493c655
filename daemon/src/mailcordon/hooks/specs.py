"""The points on a message's way at which plugins are called (B18.09)."""

import pluggy

from mailcordon.hooks.view import Message

PROJECT = "mailcordon"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as a hook."""


class HookPoints:
    """Every hook there is, in the order in which a message meets them."""

    @hookspec
    def message_received(self, message: Message) -> None:
        """Nothing was looked at yet. Policy banks that are loaded here hold for everything."""

    @hookspec
    def before_checks(self, message: Message) -> None:
        """The parts of the message were found. Policy banks that are loaded here decide what is checked."""

    @hookspec
    def after_checks(self, message: Message) -> None:
        """All checks are done, nothing is judged yet. Policy banks that are loaded here decide what becomes of it."""

    @hookspec
    def before_send(self, message: Message) -> None:
        """The verdicts stand; nothing was quarantined or sent yet."""

    @hookspec
    def after_send(self, message: Message) -> None:
        """The mail is done; the client has no reply yet. Not called when nothing could be done with the mail."""


NAMES = tuple(name for name in vars(HookPoints) if not name.startswith("_"))
"""Names of all hooks, in the order of `HookPoints`."""
