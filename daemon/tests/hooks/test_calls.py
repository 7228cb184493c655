"""Hooks fail and hang, and the message goes on (B18.09)."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mailcordon.hooks.call import HANGS_ALLOWED
from mailcordon.hooks.plugins import Plugins
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from samples import plain

from .hooking import Bench, hook

MakeMail = Callable[..., Mail]
LONG = 1000
"""Seconds; nobody waits for them."""
HANGING = "release = threading.Event()\n" + hook(
    "after_checks", "message.add_score('BEFORE', 1)", "release.wait()", "message.add_score('AFTER', 1)"
)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("raise ValueError('what a pity')", "ValueError: what a pity"),
        ("sys.exit('bye')", "SystemExit: bye"),
        ("raise StopIteration", "StopIteration"),
        ("raise TimeoutError('own')", "TimeoutError: own"),
        ("message.add_finding('SPAM', 'x')", "HookError: 'SPAM' is not one of"),
    ],
)
async def test_exception(
    bench: Bench, make_mail: MakeMail, caplog: pytest.LogCaptureFixture, statement: str, told: str
) -> None:
    """B18.09: one line names plugin, hook, error and place; what was asked for before holds, others are called."""
    failing = hook("after_checks", "message.add_score('BEFORE', 1)", statement, "message.add_score('AFTER', 1)")
    hooked = bench.meet(make_mail(plain()), failing, hook("after_checks", "message.add_score('OTHER', 2)"))
    _, findings = await hooked.after_checks(Findings(), ())
    assert findings.points == (("BEFORE", 1.0), ("OTHER", 2.0))
    (line,) = lines(caplog)
    assert line.startswith("(04711-01) plugin a: after_checks failed, the message goes on: ")
    assert told in line
    assert ", line " in line


async def test_hook_that_hangs(bench: Bench, make_mail: MakeMail, caplog: pytest.LogCaptureFixture) -> None:
    """It is given up after its time; what it asks for later has no effect, and the next plugin is called."""
    body, other = HANGING, hook("after_checks", "message.add_score('OTHER', 2)")
    plugins = bench.plugins(body, other, plugin_timeout=1)
    hooked = plugins.meet(make_mail(plain()))
    _, findings = await hooked.after_checks(Findings(), ())
    assert findings.points == (("BEFORE", 1.0), ("OTHER", 2.0))
    assert lines(caplog) == ["(04711-01) plugin a: after_checks is not done within 1 s, the message goes on"]
    await release(plugins)
    assert hooked.findings == findings


def event_of(plugins: Plugins) -> threading.Event:
    """What HANGING waits for."""
    event: threading.Event = plugins.hooks["after_checks"][0].function.__globals__["release"]
    return event


async def release(plugins: Plugins) -> None:
    """Let the hooks that hang come to their end, and wait for it."""
    event_of(plugins).set()
    for thread in threading.enumerate():
        if thread.name.startswith("plugin "):
            await asyncio.to_thread(thread.join)


async def test_the_loop_goes_on_meanwhile(bench: Bench, make_mail: MakeMail) -> None:
    """Design rule 7: a hook that waits holds up its own message only."""
    plugins = bench.plugins(HANGING, plugin_timeout=LONG)
    waiting = asyncio.create_task(plugins.meet(make_mail(plain())).after_checks(Findings(), ()))
    other = plugins.meet(make_mail(plain()))
    for _ in range(3):
        await other.message_received()
    assert not waiting.done()
    event_of(plugins).set()
    _, findings = await waiting
    assert findings.points == (("BEFORE", 1.0), ("AFTER", 1.0))


async def test_plugin_that_hangs_again_and_again(
    bench: Bench, make_mail: MakeMail, caplog: pytest.LogCaptureFixture
) -> None:
    """After some hangs it is switched off with one line; the other plugins stay."""
    received = hook("message_received", "message.sender_credible = 'called'")
    plugins = bench.plugins(HANGING + received, hook("after_checks", "message.add_score('OTHER', 2)"), plugin_timeout=1)
    await asyncio.gather(*(plugins.meet(make_mail(plain())).after_checks(Findings(), ()) for _ in range(HANGS_ALLOWED)))
    switched_off = f"plugin a is switched off until the next reload: it hung {HANGS_ALLOWED} times"
    assert lines(caplog)[-1] == switched_off
    caplog.clear()
    hooked = plugins.meet(make_mail(plain()))
    await hooked.message_received()
    _, findings = await hooked.after_checks(Findings(), ())
    assert findings.sender_credible == ""
    assert findings.points == (("OTHER", 2.0),)
    assert lines(caplog) == []
    await release(plugins)


async def test_a_hang_now_and_then_is_forgiven(
    bench: Bench, make_mail: MakeMail, caplog: pytest.LogCaptureFixture
) -> None:
    """The twin: calls in time in between count."""
    noting = hook("message_received", "message.notes['hang'] = True")
    sometimes = "release = threading.Event()\n" + hook("after_checks", "if message.notes:", "    release.wait()")
    plugins = bench.plugins(sometimes + noting, plugin_timeout=1)
    for _ in range(HANGS_ALLOWED):
        event_of(plugins).clear()
        hanging = plugins.meet(make_mail(plain()))
        await hanging.message_received()
        await hanging.after_checks(Findings(), ())
        await release(plugins)
        await plugins.meet(make_mail(plain())).after_checks(Findings(), ())
    assert len(lines(caplog)) == HANGS_ALLOWED
    assert "switched off" not in caplog.text


async def test_little_time_is_left(bench: Bench, make_mail: MakeMail, caplog: pytest.LogCaptureFixture) -> None:
    """B18.07: a hook gets a share of what remains of the message's time, however long its own limit is."""
    plugins = bench.plugins(HANGING, plugin_timeout=LONG, child_timeout=4)
    await plugins.meet(make_mail(plain())).after_checks(Findings(), ())
    assert " is not done within 0." in lines(caplog)[0]
    await release(plugins)


async def test_no_time_is_left(bench: Bench, make_mail: MakeMail, caplog: pytest.LogCaptureFixture) -> None:
    """A message near its end goes on without hooks, and no plugin is blamed for it."""
    plugins = bench.plugins(hook("after_checks", "message.add_score('OTHER', 2)"), child_timeout=4)
    late = replace(make_mail(plain()), received_at=datetime.now().astimezone() - timedelta(seconds=5))
    for _ in range(HANGS_ALLOWED):
        _, findings = await plugins.meet(late).after_checks(Findings(), ())
        assert not findings.points
    assert lines(caplog) == ["(04711-01) plugin a: no time is left for after_checks"] * HANGS_ALLOWED
    _, findings = await plugins.meet(make_mail(plain())).after_checks(Findings(), ())
    assert findings.points
