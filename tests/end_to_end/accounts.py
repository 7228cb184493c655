"""What must hold for the account of the filter and its files, whatever the account is called."""

from dataclasses import dataclass

from testinfra.host import Host

from end_to_end.gateway import FRAGMENTS, Gateway

WORK_TREE = ("", "/tmp", "/var", "/db", "/home", "/virusmails")


@dataclass(frozen=True)
class FilterAccount:
    """An account, whose group has the same name, and its work tree."""

    name: str
    home: str

    def check_account(self, host: Host) -> None:
        """A system account without login shell and password."""
        user = host.user(self.name)
        assert user.exists
        assert user.uid < 1000
        assert user.group == self.name
        assert user.home == self.home
        assert user.shell.endswith("/nologin")
        assert user.password.startswith(("!", "*"))
        assert host.run(f"su {self.name} -c id").rc != 0

    def check_work_tree(self, host: Host) -> None:
        """Directories 0750, files 0640, all of them the account's own."""
        for directory in WORK_TREE:
            file = host.file(self.home + directory)
            assert file.is_directory, file.path
            assert (file.user, file.group, oct(file.mode)) == (self.name, self.name, oct(0o750)), file.path
        for kind, mode in (("d", "0750"), ("f", "0640")):
            wrong = host.check_output(
                f"find {self.home} -type {kind} '(' ! -perm {mode} -o ! -user {self.name} ')' -ls"
            )
            assert wrong == ""

    def check_tmpfiles(self, host: Host) -> None:
        """systemd-tmpfiles brings modes back, removes old leftovers of tmp and nothing else."""
        old, young, kept = (f"{self.home}/{name}" for name in ("tmp/old", "tmp/young", "virusmails/old"))
        host.check_output(f"chmod 777 {self.home} {self.home}/db && rmdir {self.home}/var")
        # Age is judged by all three times of a file; that of its last change cannot be set, the clock of the check can.
        host.check_output(
            f"install -o {self.name} -g {self.name} -m 640 /dev/null {kept} && touch -d '30 days ago' {kept}"
        )
        host.check_output("systemd-tmpfiles --create /etc/tmpfiles.d/mailcordon.conf")
        assert [oct(host.file(self.home + name).mode) for name in ("", "/db", "/var")] == [oct(0o750)] * 3
        fragment = host.file("/etc/tmpfiles.d/mailcordon.conf").content_string
        (line,) = [line for line in fragment.splitlines() if f'"{self.home}/tmp"' in line]
        assert line.split()[-1] == "3d"
        assert [line.split()[-1] for line in fragment.splitlines() if line.startswith("d")].count("-") == 5
        host.check_output(f"install -o {self.name} -g {self.name} -m 640 /dev/null {old}")
        self._clean_as_if_everything_were_a_second_old(host)
        assert not host.file(old).exists
        host.check_output(f"install -o {self.name} -g {self.name} -m 640 /dev/null {young}")
        host.check_output("systemd-tmpfiles --clean /etc/tmpfiles.d/mailcordon.conf")
        assert host.file(young).exists
        assert host.file(kept).exists
        host.check_output(f"rm {young} {kept}")

    def _clean_as_if_everything_were_a_second_old(self, host: Host) -> None:
        """The role's fragment with a shorter age, for a file's last change cannot be put into the past."""
        host.check_output(
            "sed 's/ 3d$/ 1s/' /etc/tmpfiles.d/mailcordon.conf >/root/soon.conf && sleep 2"
            " && systemd-tmpfiles --clean /root/soon.conf && rm /root/soon.conf"
        )

    def check_configuration(self, host: Host) -> None:
        """Root's own, readable for the group, for nobody else; writing fails for the account."""
        directory = host.file(FRAGMENTS)
        assert (directory.user, directory.group, oct(directory.mode)) == ("root", self.name, oct(0o750))
        listed = host.check_output(f"stat -c '%U:%G %a %n' {FRAGMENTS}/*").splitlines()
        assert [line for line in listed if not line.startswith(f"root:{self.name} 640 ")] == []
        as_account = f"setpriv --reuid {self.name} --regid {self.name} --init-groups"
        assert host.run(f"{as_account} cat {FRAGMENTS}/50-user.toml").rc == 0
        for attempt in (f"tee -a {FRAGMENTS}/50-user.toml", f"touch {FRAGMENTS}/99-own.toml"):
            assert host.run(f"{as_account} {attempt} </dev/null").rc != 0
        assert host.run(f"setpriv --reuid nobody --regid nogroup --clear-groups cat {FRAGMENTS}/50-user.toml").rc != 0

    def check_processes(self, host: Host) -> None:
        """Supervisor and workers run under the account."""
        main = host.check_output("systemctl show -P MainPID mailcordon.service")
        workers = host.check_output(f"cat /proc/{main}/task/{main}/children").split()
        owners = host.check_output("stat -c %U " + " ".join(f"/proc/{pid}" for pid in (main, *workers))).split()
        assert len(owners) >= 2
        assert set(owners) == {self.name}

    def check_prerequisites(self, host: Host) -> None:
        """`check-config` reports each of the four, and names what is wrong."""
        command = f"mailcordon check-config --prerequisites --user {self.name}"
        good = host.run(command)
        assert (good.rc, [line.split()[0] for line in good.stdout.splitlines()]) == (0, ["pass"] * 4), good.stdout
        host.check_output(f"chmod 660 {FRAGMENTS}/50-user.toml")
        bad = host.run(command)
        host.check_output(f"chmod 640 {FRAGMENTS}/50-user.toml")
        assert bad.rc == 1
        assert f"FAIL  configuration  {FRAGMENTS}/50-user.toml: is writable by {self.name}" in bad.stdout

    def scan_by_path(self, gateway: Gateway, content: bytes) -> str:
        """What clamd says about a file in the work tree when it is given the path only."""
        with gateway.file(f"{self.home}/tmp/by-path", content) as path:
            gateway.host.check_output(f"chown {self.name}:{self.name} {path} && chmod 640 {path}")
            return str(gateway.host.run(f"clamdscan --no-summary {path}").stdout).strip().removeprefix(f"{path}: ")
