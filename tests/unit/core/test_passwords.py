from __future__ import annotations

import pytest

from newsletter.core.passwords import Cost, hash_password, read_hash

QUICK = Cost(rounds=6, block=8, lanes=1)
SALT = b"0123456789abcdef"


def test_a_hash_is_read_back_and_fits_its_password_alone() -> None:
    kept = read_hash(str(hash_password("a long pässword", SALT, QUICK)))
    assert kept.fits("a long pässword")
    assert kept.fits("a long pa\u0308ssword")  # the same letters, composed otherwise
    for other in ("a long password", "A long pässword", "", "a long pässword "):
        assert not kept.fits(other)


def test_the_usual_cost_is_that_of_owasp() -> None:
    assert str(hash_password("x" * 12, SALT)).startswith("$scrypt$ln=15,r=8,p=3$")
    assert 2**25 <= Cost().memory < 2**26


def test_the_same_password_under_another_salt_is_another_hash() -> None:
    assert hash_password("secret", SALT, QUICK).digest != hash_password("secret", SALT[::-1], QUICK).digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        str(hash_password("x", SALT, QUICK))[:-1],
        str(hash_password("x", SALT, QUICK)).replace("ln=6", "ln=0"),
        str(hash_password("x", SALT, QUICK)).replace("ln=6", "ln=30"),
        str(hash_password("x", SALT, QUICK)).replace("p=1", "p=0"),
        str(hash_password("x", SALT, QUICK)).replace("r=8", "r=99").replace("ln=6", "ln=20"),
    ],
)
def test_what_is_no_hash_or_takes_too_much_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it "):
        read_hash(text)
