"""What the filters stand between: clamd, spamd and a next hop that takes everything."""

from pathlib import Path

from bench.processes import Program, free_port, installed

SPAMD_CHILDREN = 4


class Clamd(Program):
    """The real clamd with one signature, so that its own cost is as small as it can be."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "clamd.sock")
        database = directory / "signatures"
        database.mkdir()
        (database / "bench.ndb").write_text("Bench-Signature:0:*:" + b"no message holds this text".hex() + "\n")
        configuration = directory / "clamd.conf"
        configuration.write_text(
            f"DatabaseDirectory {database}\nTemporaryDirectory {directory}\n"
            f"LocalSocket {self.path}\nLocalSocketMode 666\n"
            "Foreground yes\nStreamMaxLength 50M\nMaxFileSize 50M\nMaxThreads 20\n"
        )
        command = [installed("clamd", "clamav-daemon"), "-c", str(configuration)]
        super().__init__("clamd", command, self.path, directory / "clamd.output")


class Spamd(Program):
    """The real spamd with the rules of the distribution, local tests only, a fixed number of children."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "spamd.sock")
        children = [
            f"--{limit}={SPAMD_CHILDREN}" for limit in ("max-children", "min-children", "max-spare", "min-spare")
        ]
        command = [installed("spamd", "spamd"), "--local", "--nouser-config", "--max-conn-per-child=2000", *children]
        command += ["--username=nobody", "--syslog=stderr", "--cf=bayes_auto_learn 0"]
        command += [f"--socketpath={self.path}", "--socketmode=0666", f"--pidfile={directory / 'spamd.pid'}"]
        super().__init__("spamd", command, self.path, directory / "spamd.output")


class Sink(Program):
    """Postfix's smtp-sink: the fastest next hop there is."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        command = [installed("smtp-sink", "postfix"), "-u", "nobody", f"127.0.0.1:{self.port}", "500"]
        super().__init__("smtp-sink", command, self.port, directory / "sink.output")
