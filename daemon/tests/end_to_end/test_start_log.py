"""What the daemon says about itself at start, and the run in the foreground that shows it (features 1.03, 1.22)."""

import importlib.metadata
import os
import platform
import pwd
import re

from mailcordon import __version__

from .daemon import Daemon, NextHop, text_mail, wait_until


def test_start_is_logged(daemon: Daemon) -> None:
    """Features 1.22, 1.24, 1.25, 1.27, 5.01, 6.02, 7.01, 16.10: program, versions, interpreter, locale, ids, pid,
    fragments, modules, decoders, scanners, listeners, workers; each fact once."""
    daemon.configure("30-log", "log_level = 1")
    daemon.start()
    wait_until(lambda: "Using primary internal av scanner code for clamd" in daemon.log(), "the scanners")
    log = daemon.log()
    name = pwd.getpwuid(os.geteuid()).pw_name
    assert daemon.process is not None
    facts = [
        f"logging initialized, log level 1, logfile: {daemon.log_file}",
        f"starting. {daemon.command()[0]} at gate.example.test amavisd-new-compatible mailcordon-{__version__}, ",
        f"Python {platform.python_version()}, Unicode aware, LANG={os.environ.get('LANG', '')}, encoding ",
        f", pid {daemon.process.pid}",
        f"user={name}, EUID: {os.geteuid()} ({os.getuid()});  group=",
        f", EGID: {os.getegid()} ({os.getgid()})",
        "config files read: ",
        f"Module jinja2 {importlib.metadata.version('jinja2')}",
        "Internal decoder for .mail",
        "Found decoder for    .zip  at libarchive",
        "No decoder for       .uue  switched off",
        "decoder processes: no_new_privs, rlimits",
        f"listening on [127.0.0.1]:{daemon.port}",
        ", 2 workers",
    ]
    assert {fact: log.count(fact) for fact in facts} == dict.fromkeys(facts, 1)
    assert re.search(r"config files read: .*/01-debian\.toml, .*/20-test\.toml", log)


def test_run_in_the_foreground_shows_the_way_of_a_mail(daemon: Daemon, next_hop: NextHop) -> None:
    """Features 1.03, 1.12, 1.17, 16.01, 16.02, 16.03, 16.09: `serve --debug` stays in the foreground and logs to the
    terminal, nothing to the log: version, identity, listener, scanner, and of a mail: taken in, checked, forwarded,
    queued by the next hop."""
    daemon.launch("--debug")
    wait_until(lambda: "Using primary internal av scanner code for clamd" in daemon.output(), "the start")
    assert daemon.send(text_mail(b"hello", "smoke")).startswith("250 ")
    wait_until(lambda: "Passed CLEAN" in daemon.output(), "the main log entry")
    output = daemon.output()
    steps = [
        "starting. ",
        "user=",
        "listening on",
        "run_av (clamd): CLEAN",
        " FWD from <alice@",
        "Passed CLEAN",
    ]
    assert [step for step in steps if step not in output] == []
    assert [output.index(step) for step in steps[3:]] == sorted(output.index(step) for step in steps[3:])
    assert re.search(r"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d{3} amavis\[\d+\]: \(", output, re.MULTILINE)
    assert re.search(r"FWD from <alice@sender\.example> -> <bob@example\.test>.* 250 2\.0\.0 Ok", output)
    assert daemon.log() == ""
    assert daemon.process is not None
    assert daemon.process.poll() is None
    assert next_hop.has("smoke@")
