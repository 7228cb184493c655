"""Calls hooks in threads, for a limited time, and gives up plugins that hang again and again."""

import asyncio
import contextlib
import logging
import threading
import traceback
from collections.abc import Callable

from mailcordon.hooks.load import Hook
from mailcordon.hooks.view import Message

log = logging.getLogger(__name__)

HANGS_ALLOWED = 3
"""Calls in a row, or at the same time, that may hang before a plugin is switched off."""


class Caller:
    """Calls the hooks of one plugin; one instance a worker."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self._hung_in_a_row = 0
        self._hanging: list[threading.Thread] = []
        self._is_off = False

    async def call(self, hook: Hook, point: str, message: Message, limit: float) -> None:
        """Call one hook. What goes wrong costs one line in the log and is over after `limit` seconds (B18.09)."""
        if self._is_off:
            return
        where = f"({message.log_id}) plugin {self._plugin}: {point}"
        try:
            error = await self._in_thread(lambda: hook(message), limit)
        except TimeoutError:
            log.warning("%s is not done within %.3g s, the message goes on", where, limit)
            self._switch_off_if_hopeless()
            return
        except RuntimeError as failure:
            log.warning("%s failed, the message goes on: %s", where, failure)
            return
        self._hung_in_a_row = 0
        if error is not None:
            log.warning("%s failed, the message goes on: %s", where, _described(error))

    async def _in_thread(self, function: Callable[[], None], limit: float) -> BaseException | None:
        """What `function` raised, if it did. Raises TimeoutError, and RuntimeError when there is no thread to be had.

        Not a pool's thread: hung ones would leave no room for others, and nobody could leave before they are done.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[BaseException | None] = loop.create_future()

        def settle(error: BaseException | None) -> None:
            if not done.done():
                done.set_result(error)

        def run() -> None:
            raised: BaseException | None = None
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - sys.exit() of a plugin, too, is its own affair
                raised = error
            # The loop may be gone when a hung call comes to an end after all.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, raised)

        thread = threading.Thread(target=run, name=f"plugin {self._plugin}", daemon=True)
        thread.start()
        try:
            async with asyncio.timeout(limit):
                return await done
        except TimeoutError:
            self._hanging.append(thread)
            raise

    def _switch_off_if_hopeless(self) -> None:
        self._hung_in_a_row += 1
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if not self._is_off and max(self._hung_in_a_row, len(self._hanging)) >= HANGS_ALLOWED:
            self._is_off = True
            log.error("plugin %s is switched off until the next reload: it hung %d times", self._plugin, HANGS_ALLOWED)


def _described(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
