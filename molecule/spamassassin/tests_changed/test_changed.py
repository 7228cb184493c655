"""After a run with less: what was taken out of the data is gone from the host."""

from testinfra.host import Host

from end_to_end import samples
from end_to_end.gateway import new_token
from end_to_end.spamd import Spamd


def rated(host: Host, body: bytes, user: str | None = None) -> dict[str, float]:
    return Spamd(host).report(samples.text_mail(new_token(), "probe@example.test", body + b"\r\n"), user).tests


def test_plugins_are_as_the_distribution_ships_them(host: Host) -> None:
    """features 8.03."""
    loaded = host.check_output("grep -v ^# /etc/spamassassin/00_mailcordon.pre").split()
    assert loaded == ["loadplugin", "Mail::SpamAssassin::Plugin::Rule2XSBody"]
    assert not host.file("/etc/spamassassin/mailcordon_plugin_switch.pm").exists
    debug = host.run("runuser -u debian-spamd -- spamassassin --lint -L -D plugin 2>&1").stdout
    assert "loading Mail::SpamAssassin::Plugin::FreeMail" in debug
    assert "OLEVBMacro" not in debug


def test_users_and_keys_are_gone(host: Host) -> None:
    """Issue 3 (user preferences, keys of channels)."""
    assert rated(host, b"This special #1 offer", "calm@example.test")["SITE_OFFER"] == 3.25
    assert host.check_output("ls /etc/spamassassin/mailcordon/users") == ""
    assert host.check_output("ls /var/lib/spamassassin/mailcordon-keys") == ""


def test_bayes_learns_into_redis(host: Host) -> None:
    """Issue 3 (Bayes storage): a Redis server with a password, which only spamd can read."""
    spam = "cheap watches replica luxury timepiece bargain discount wholesale"
    ham = "meeting agenda minutes budget quarterly review colleagues schedule"
    assert [name for name in rated(host, spam.encode()) if name.startswith("BAYES_")] == []
    for kind, words in (("spam", spam), ("ham", ham)):
        for number in range(6):
            mail = samples.text_mail(new_token(), "probe@example.test", f"{words} number {number}\r\n".encode())
            told = Spamd(host).feed(mail, f"runuser -u debian-spamd -- sa-learn --{kind}")
            assert "Learned tokens from 1 message(s)" in told
    assert {"BAYES_99", "BAYES_95", "BAYES_80"} & set(rated(host, f"{spam} today".encode()))
    assert {"BAYES_00", "BAYES_05", "BAYES_20"} & set(rated(host, f"{ham} today".encode()))
    assert int(host.check_output("redis-cli -a geheim --no-auth-warning -n 2 dbsize")) > 20
    options = host.file("/etc/spamassassin/90_mailcordon.cf")
    assert (options.user, options.group, oct(options.mode)) == ("root", "debian-spamd", oct(0o640))


def test_rules_are_compiled(host: Host) -> None:
    """Issue 3 (sa-compile): spamd uses the compiled rules, and none but their owner can change them."""
    assert Spamd(host).journal("able to use")
    assert host.check_output("find /var/lib/spamassassin/compiled -name body_0.so ! -perm /022")


def test_the_schedule_is_off(host: Host) -> None:
    timer = host.service("spamassassin-maintenance.timer")
    assert not timer.is_running
    assert not timer.is_enabled
