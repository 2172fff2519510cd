"""What is shown and published of a delegate: of the protected, never the name."""

import csv
import io
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registration import model, views
from registration.conference_view import ConferenceView
from registration.delegate import Registration, fact_of
from registration.delegates_csv import FORMULA_STARTS, delegates_csv
from shared.events import DelegateRegistered, Enrolment, EnrolmentState, PrintState
from shared.ids import new_id
from tests.registration_examples import AT, BEFORE, TINY, programme_of, submitted

SECRETS = {
    "given_name": "Secretgiven",
    "family_name": "Secretfamily",
    "printed_name": "Secretprinted",
    "document_number": "SECRET-1",
    "birth_date": date(1971, 2, 3),
}
NEVER_SHOWN = (b"SECRET-1", b"1971")
NAMES = (b"Secretgiven", b"Secretfamily", b"Secretprinted")


def registered(*, protected: bool = False, **fields: Any) -> Registration:
    request = submitted(category="guest", protected=protected, **(SECRETS | fields))
    return model.register(request, TINY, programme_of(TINY), new_id(), BEFORE, AT)


@pytest.mark.parametrize("protected", [True, False])
def test_the_event_carries_no_birth_date_or_document_number_and_no_protected_name(protected):
    fact = fact_of(registered(protected=protected), TINY)
    written = fact.model_dump_json().encode()
    assert not any(secret in written for secret in NEVER_SHOWN)
    assert any(name in written for name in NAMES) is not protected
    assert fact.person
    assert fact.person.printed_name == ("Harbour master" if protected else "Secretprinted")
    assert DelegateRegistered.model_validate_json(written) == fact


@pytest.mark.parametrize("protected", [True, False])
@pytest.mark.parametrize("with_protected_name", [True, False])
def test_a_protected_name_and_address_are_shown_only_to_whom_may_read_them(protected, with_protected_name):
    view = views.delegate_view(registered(protected=protected), with_protected_name=with_protected_name, badge=None)
    written = orjson.dumps(view)
    hidden = protected and not with_protected_name
    assert any(name in written for name in NAMES) is not hidden
    assert (b"ada@port.example" in written) is not hidden
    assert not any(secret in written for secret in NEVER_SHOWN)
    assert view["person"]["printed_name"] == ("Harbour master" if protected else "Secretprinted")


def test_whoever_asks_for_a_change_is_told_nothing_personal():
    written = orjson.dumps(views.delegate_decided(registered()))
    assert not any(secret in written for secret in (*NAMES, *NEVER_SHOWN, b"ada@port.example", b"Harbour"))


def rows(*shown: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(delegates_csv(shown).removeprefix("\ufeff"))))


def view(*, badge: PrintState | None = None, with_protected_name: bool = False, **fields: Any) -> Any:
    return views.delegate_view(registered(**fields), with_protected_name=with_protected_name, badge=badge)


def test_a_table_has_a_row_for_each_delegate_and_is_known_as_utf8():
    shown = view(printed_name="Zoë, the “pilot”", badge=PrintState.PRINTED, sessions=["welcome"])
    assert delegates_csv([shown]).startswith("\ufeff")
    [row] = rows(shown)
    assert row == {
        "delegate_id": str(shown["delegate_id"]),
        "revision": "1",
        "status": "submitted",
        "category": "guest",
        "delegation": "oslo",
        "name": "Zoë, the “pilot”",
        "function": "Harbour master",
        "email": "ada@port.example",
        "language": "en",
        "protected": "False",
        "sessions": "welcome",
        "badge": "printed",
        "late": "False",
        "changed_at": AT.isoformat(),
        "reason_code": "",
    }


def test_a_protected_name_is_in_no_table():
    table = delegates_csv([view(protected=True)]).encode()
    assert not any(secret in table for secret in (*NAMES, *NEVER_SHOWN, b"ada@port.example"))


@pytest.mark.parametrize("start", [*"=+-@＝＋－＠"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_text(start):
    [row] = rows(view(printed_name=f"{start}HYPERLINK(1)", function=f"{start}1+1;x", email="=cmd@x.example"))
    assert row["name"] == f"'{start}HYPERLINK(1)"
    assert row["function"] == f"'{start}1+1;x"
    assert row["email"] == "'=cmd@x.example"


@given(st.text(min_size=1, max_size=40))
def test_no_cell_ever_starts_a_formula_or_breaks_its_row(text):
    shown: Any = view()
    shown = {**shown, "person": {**shown["person"], "printed_name": text, "function": text}}
    [row] = rows(shown)
    for name in ("name", "function"):
        assert not row[name].startswith(FORMULA_STARTS)
        assert row[name] in (text, f"'{text}")


def test_a_table_tells_only_the_sessions_somebody_is_enrolled_in():
    left = Enrolment(session_id="pilots", state=EnrolmentState.RELEASED, cause="left")
    delegate = registered(sessions=["welcome"])
    delegate = delegate.model_copy(update={"enrolments": [*delegate.enrolments, left]})
    [row] = rows(views.delegate_view(delegate, with_protected_name=False, badge=None))
    assert row["sessions"] == "welcome"


def test_a_name_of_two_long_lines_is_cut_to_one():
    long = registered(given_name="A" * 160, family_name="B" * 160, printed_name=None)
    fact = fact_of(long, TINY)
    assert fact.person
    assert fact.person.printed_name == "A" * 160


def test_the_conference_says_where_badges_are_collected_where_it_knows():
    collection = {"en": "At the harbour office.", "fr": "À la capitainerie."}
    told = TINY.model_copy(update={"badge_collection": collection})
    assert ConferenceView.model_validate(told).badge_collection == collection
