"""Settings of notifications (B11.02, B11.03, B11.06; features 5.36, 5.37, 14.02)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailcordon.config.load import load
from mailcordon.config.notices import fakes_sender, sender_cutoff, sender_is_warned
from mailcordon.config.policy import policy_for
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Recipient

MakeSettings = Callable[..., Settings]
BOB = Recipient("bob@example.test")


@pytest.mark.parametrize("name", ["Eicar-Test-Signature", "Win.Test.EICAR_HDB-1", "{HEX}EICAR.TEST.3", "EICAR"])
def test_the_test_virus_fakes_no_sender(make_settings: MakeSettings, name: str) -> None:
    """Contract B11.02: under every name that scanners have for it; together with another virus it does not count."""
    settings = make_settings()
    assert not fakes_sender(settings, [name])
    assert fakes_sender(settings, [name, "Win.Trojan.X"])


@pytest.mark.parametrize("name", ["Win.Trojan.X", "Speicarte", ""])
def test_every_other_virus_does(make_settings: MakeSettings, name: str) -> None:
    assert fakes_sender(make_settings(), [name])


def test_cutoffs_as_packaged(make_settings: MakeSettings) -> None:
    """Contract B11.03, B19.03."""
    policy = policy_for(make_settings(), BOB)
    assert (policy.spam_dsn_cutoff_level, policy.spam_crediblefrom_dsn_cutoff_level) == (10, 18)
    assert sender_cutoff(make_settings(), "a@b.example", sender_credible="") is None


def test_cutoffs_by_sender(make_settings: MakeSettings) -> None:
    """Features 14.02: keys as in all lookups, the null sender included."""
    settings = make_settings(
        spam_dsn_cutoff_level_bysender={"hash": {".b.example": 3, "": 1}},
        spam_crediblefrom_dsn_cutoff_level_bysender={"hash": {"a@b.example": 4}},
    )
    levels = [sender_cutoff(settings, sender, sender_credible="") for sender in ("a@b.example", "", "x@y.example")]
    assert levels == [3, 1, None]
    assert sender_cutoff(settings, "a+x@B.example", sender_credible="originating") == 4


def test_nobody_is_warned_as_packaged(make_settings: MakeSettings) -> None:
    """Features 5.36, 5.37, 18.07."""
    settings = make_settings()
    policy = policy_for(settings, BOB)
    assert not any(policy.warnrecip.values())
    assert not any(policy.admins.values())
    assert not policy.newvirus_admin
    for major in Major:
        assert not sender_is_warned(settings, Category(major), sender_credible="originating")


def test_a_bank_may_tell_others(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Contract B4.07."""
    (tmp_path / "50-user.toml").write_text(
        'myhostname = "gate.example.com"\n[policy_bank.X]\nvirus_admin = "a@b.example"\nwarnbannedsender = true\n'
        'spam_dsn_cutoff_level = 3\nl10n_language = "de_DE"\nhdrfrom_notify_admin = "X <x@b.example>"\n'
    )
    bank = load((tmp_path,)).settings.policy_bank["X"]
    assert bank.members().keys() == {
        *("virus_admin", "warnbannedsender", "spam_dsn_cutoff_level", "l10n_language", "hdrfrom_notify_admin")
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('dsn_bcc = "nobody"', "dsn_bcc: 'nobody' is neither empty nor an address"),
        ('mailfrom_notify_admin = "<a@b.example>"', "mailfrom_notify_admin: '<a@b.example>' is neither empty nor"),
        ('hdrfrom_notify_sender = "nobody"', "hdrfrom_notify_sender: 'nobody' is not one author such as"),
        (
            'hdrfrom_notify_recip = "a@b.example, c@d.example"',
            "hdrfrom_notify_recip: 'a@b.example, c@d.example' is not one",
        ),
        ('l10n_language = "../etc"', "l10n_language: "),
    ],
)
def test_wrong_values_are_refused(tmp_path: Path, line: str, told: str) -> None:
    """Design rule 6: file, key and reason."""
    path = tmp_path / "50-user.toml"
    path.write_text(f'myhostname = "gate.example.com"\n{line}\n')
    with pytest.raises(ConfigError) as caught:
        load((tmp_path,))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}:2: {told}")
