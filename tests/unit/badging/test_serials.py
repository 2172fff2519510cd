import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badging.serials import SERIAL_BITS, NoSerial, credential, read_serial, serial, serial_of, serial_prefix
from shared.events import BadgeJob

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
numbers = st.integers(0, 2**SERIAL_BITS - 1)
bodies = numbers.map(lambda number: serial("CT18", number))


def plain(text: str) -> list[str]:
    return list(text.replace("-", "")[4:])


def typed(body: list[str]) -> str:
    return "CT18" + "".join(body)


@pytest.mark.parametrize(
    ("slug", "prefix"),
    [("counter-terrorism-2018", "CT18"), ("harbour-days-2026", "HD26"), ("g", "G"), ("a-" * 30 + "b", "A" * 8)],
)
def test_the_prefix_is_the_conferences_initials_and_year(slug: str, prefix: str):
    assert serial_prefix(slug) == prefix


@given(numbers, numbers)
def test_a_serial_fits_the_contract_and_tells_numbers_apart(one: int, other: int):
    assert re.fullmatch(r"CT18-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", serial("CT18", one))
    assert (serial("CT18", one) == serial("CT18", other)) == (one == other)


@given(bodies)
def test_it_is_read_as_people_type_it(text: str):
    assert read_serial(text) == text
    assert read_serial(f" {text.lower().replace('-', ' ')} ") == text
    prefix, body = text[:4], text[4:]
    assert read_serial(prefix + body.replace("0", "O").replace("1", "l")) == text


@given(bodies, st.integers(0, 9), st.sampled_from(ALPHABET))
def test_one_mistyped_character_is_found(text: str, place: int, symbol: str):
    body = plain(text)
    if body[place] == symbol:
        return
    body[place] = symbol
    with pytest.raises(NoSerial, match="mistyped"):
        read_serial(typed(body))


@given(bodies, st.integers(0, 9), st.integers(0, 9))
def test_two_swapped_characters_are_found(text: str, one: int, other: int):
    body = plain(text)
    if body[one] == body[other]:
        return
    body[one], body[other] = body[other], body[one]
    with pytest.raises(NoSerial, match="mistyped"):
        read_serial(typed(body))


@pytest.mark.parametrize("text", ["", "7K3M9QXZ2E", "CT18-7K3M9-QXZ2U", "CT18-7K3M9-QXZ2€", "Č18-00000-00000", "LY1.x.y"])
def test_what_is_no_serial_says_what_one_looks_like(text: str):
    with pytest.raises(NoSerial, match="looks like"):
        read_serial(text)


@given(bodies, st.binary(min_size=16, max_size=16))
def test_a_credential_names_its_serial_and_packs_into_an_alphanumeric_qr_code(text: str, token: bytes):
    made = credential(text, token)
    assert serial_of(made) == text
    assert re.fullmatch(r"[0-9A-Z.-]{1,61}", made)
    assert len(made) <= BadgeJob.model_fields["credential"].metadata[0].max_length


@pytest.mark.parametrize("text", ["", "LY1", "LY1.CT18-7K3M9-QXZ2E", "LY1..AB", "LY2.CT18-7K3M9-QXZ2E.AB"])
def test_what_is_no_credential_names_none(text: str):
    assert serial_of(text) is None
