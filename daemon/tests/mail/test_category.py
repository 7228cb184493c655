"""Contents categories and destinies as other programs know them (contract B5.01, B5.02, B5.05)."""

from mailcordon.mail.category import DISPLAY_NAMES, Category, Destiny, Major

NAMES = (
    "CatchAll Clean CleanTag MtaFailed MtaTempFailed MtaRejected Oversized BadHdr BadHdrMime BadHdr8bit BadHdrChar "
    "BadHdrSpace BadHdrLong BadHdrSyntax BadHdrMissing BadHdrDupl Spammy Spammy3 Spam Unchecked UncheckedEncrypted "
    "UncheckedOverLimits UncheckedAmbiguousContent Banned Virus"
)


def test_numbers() -> None:
    """Contract B5.01: the highest has precedence, whatever the minor number of a lower one."""
    assert [(int(major), major.name) for major in sorted(Major)] == [
        (0, "CATCHALL"),
        (1, "CLEAN"),
        (2, "MTA"),
        (3, "OVERSIZED"),
        (4, "BAD_HEADER"),
        (5, "SPAMMY"),
        (6, "SPAM"),
        (7, "UNCHECKED"),
        (8, "BANNED"),
        (9, "VIRUS"),
    ]
    assert max(Category(Major.BAD_HEADER, 8), Category(Major.SPAMMY)) == Category(Major.SPAMMY)
    assert max(Category(Major.SPAMMY), Category(Major.SPAMMY, 1)) == Category(Major.SPAMMY, 1)


def test_names() -> None:
    """Contract B5.02: all of them, from the lowest category to the highest; an unknown minor number has its major's."""
    assert [category.display_name for category in sorted(DISPLAY_NAMES)] == NAMES.split()
    assert Category(Major.VIRUS, 7).display_name == "Virus"


def test_values_of_destinies() -> None:
    """Contract B5.05."""
    assert {destiny.name: int(destiny) for destiny in Destiny} == {
        "PASS": 1,
        "DISCARD": 0,
        "BOUNCE": -2,
        "REJECT": -3,
        "TEMPFAIL": -4,
    }
