from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badging.blanks import Blanks, Unprintable, fingerprint
from badging.dates import dates_by_language
from badging.model import (
    BadgeState,
    Decision,
    Issue,
    Issued,
    Nothing,
    Progress,
    Refusal,
    Replace,
    Report,
    Void,
    converge,
    printing,
    refusal,
)
from shared.conference import Conference
from shared.events import LANGUAGES, PrintState, SessionStatus, Status
from shared.ids import new_id
from tests.badging_examples import CONFERENCE, NOON, registered, session

BLANKS = Blanks(CONFERENCE, dates_by_language(CONFERENCE))


class TestWhatABadgeSays:
    def test_it_speaks_the_delegates_language(self):
        content = BLANKS.fill(registered(language="fr")).content
        assert content.conference == "Journées du port"
        assert content.venue_and_dates == "Ancienne douane · 12 mai 2026"
        assert content.delegation == "Port d’Oslo"
        assert content.category == "Membre"
        assert content.pass_type == "Laissez-passer d’un jour"
        assert [(zone.code, zone.name) for zone in content.zones] == [("H", "Grande salle")]

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_a_conference_that_lacks_a_language_is_printed_in_english(self, language: str):
        content = BLANKS.fill(registered(language=language)).content
        assert content.language == language
        assert content.conference == ("Journées du port" if language == "fr" else "Harbour Days")

    def test_of_protected_people_only_the_function_is_printed_even_where_a_name_slipped_in(self):
        content = BLANKS.fill(registered(category="guest", protected=True, name="Ada Berg")).content
        assert content.name == "Harbour master"
        assert "Ada" not in content.model_dump_json()

    def test_a_photo_is_printed_only_where_the_category_has_one(self):
        photo = {"sha256": "0" * 64, "jpeg": b"/9j/"}
        assert BLANKS.fill(registered(photo=photo)).content.photo is None
        with_photos = CONFERENCE.model_dump()
        with_photos["categories"][0]["photo"] = True
        blanks = Blanks(Conference.model_validate(with_photos), dates_by_language(CONFERENCE))
        assert blanks.fill(registered(photo=photo)).content.photo is not None
        assert blanks.fill(registered(photo=photo, protected=True)).content.photo is None

    def test_a_category_of_another_folder_is_named_with_what_to_do(self):
        with pytest.raises(Unprintable, match=r"'pirate'.*same conference folder"):
            BLANKS.fill(registered(category="pirate"))
        with pytest.raises(Unprintable, match="'week'"):
            BLANKS.fill(registered(pass_type="week"))

    def test_its_content_is_what_the_contract_takes(self):
        content = BLANKS.fill(registered(pass_days=[date(2026, 5, 12)])).content
        assert type(content).model_validate_json(content.model_dump_json()) == content


class TestFingerprint:
    def test_every_line_about_the_holder_counts(self):
        content = BLANKS.fill(registered()).content
        for name in ("name", "function", "delegation", "category", "pass_type", "colour", "language"):
            assert fingerprint(content.model_copy(update={name: "ru"})) != fingerprint(content), name
        for changed in ({"zones": []}, {"pass_days": [date(2026, 5, 12)]}):
            assert fingerprint(content.model_copy(update=changed)) != fingerprint(content), changed

    def test_the_conferences_own_lines_do_not(self):
        content = BLANKS.fill(registered()).content
        corrected = content.model_copy(update={"conference": "Harbour Day", "venue_and_dates": "Elsewhere"})
        assert fingerprint(corrected) == fingerprint(content)


def issued(state: BadgeState, *, name: str = "Ada Berg") -> Issued:
    filled = BLANKS.fill(registered(name=name))
    return Issued(new_id(), "HD26-0", new_id(), state, filled.fingerprint, 0)


class TestConverge:
    filled = BLANKS.fill(registered())
    valid, void = issued(BadgeState.VALID), issued(BadgeState.VOID)
    other = issued(BadgeState.VALID, name="Ada Dahl")

    @pytest.mark.parametrize(
        ("status", "held", "expected"),
        [
            ("accredited", [], Issue(filled, "first")),
            ("accredited", [valid], Nothing()),
            ("accredited", [void], Issue(filled, "reinstated")),
            ("accredited", [void, other], Replace(other, filled, "changed")),
            ("submitted", [], Nothing()),
            ("under-review", [valid], Void(valid, "under-review")),
            ("refused", [void, valid], Void(valid, "refused")),
            ("withdrawn", [void], Nothing()),
            ("erased", [valid], Void(valid, "erased")),
        ],
    )
    def test_decisions(self, status: str, held: list[Issued], expected: Decision):
        assert converge(registered(status=status), held, BLANKS) == expected

    def test_a_revision_that_changes_nothing_printed_prints_nothing(self):
        amended = registered(revision=7, enrolments=[{"session_id": "pilots", "state": "enrolled"}])
        assert converge(amended, [self.valid], BLANKS) == Nothing()


class TestPrinting:
    accepted = Report(PrintState.ACCEPTED, "p1", NOON, None)
    accepted_again = Report(PrintState.ACCEPTED, "p1", NOON + timedelta(minutes=1), None)
    printed = Report(PrintState.PRINTED, "p2", NOON + timedelta(minutes=1), None)
    failed = Report(PrintState.FAILED, "p1", NOON + timedelta(minutes=2), "the name does not fit")
    again = Report(PrintState.PRINTED, "p1", NOON + timedelta(minutes=3), None)

    def test_a_failure_outweighs_an_acceptance_and_says_why(self):
        assert printing([self.accepted, self.failed])[:3] == (Progress.FAILED, "the name does not fit", "p1")

    def test_a_sheet_outweighs_a_failure_in_any_order(self):
        for order in permutations([self.accepted, self.failed, self.printed]):
            assert printing(order) == (Progress.PRINTED, None, "p2", self.printed.at, 1, 1)

    def test_two_sheets_are_counted_and_one_told_twice_is_one(self):
        assert printing([self.printed, self.again, self.printed])[-2:] == (2, 2)

    def test_a_sheet_that_was_accepted_and_never_reported_may_lie_there(self):
        assert printing([self.accepted, self.printed])[-2:] == (1, 2), "p1 died, p2 printed it"
        assert printing([self.accepted, self.accepted_again, self.again])[-2:] == (1, 2), "p1 died, and printed it again"

    def test_one_sheet_that_was_accepted_and_reported_is_one(self):
        assert printing([self.accepted, self.again])[-2:] == (1, 1)
        assert printing([self.printed])[-2:] == (1, 1), "a third party's printer need not accept"
        assert printing([self.accepted, self.failed])[-2:] == (0, 0)


class TestDoor:
    today = NOON.date()

    def test_a_valid_badge_enters(self):
        assert refusal(BadgeState.VALID, registered(), self.today, None) is None
        assert refusal(BadgeState.VALID, registered(), self.today, session()) is None

    @pytest.mark.parametrize("status", [status for status in Status if status is not Status.ACCREDITED])
    def test_nobody_enters_who_is_not_accredited(self, status: Status):
        assert refusal(BadgeState.VALID, registered(status=status.value), self.today, None) is Refusal.VOID

    def test_a_void_badge_does_not_enter(self):
        assert refusal(BadgeState.VOID, registered(), self.today, None) is Refusal.VOID

    def test_named_days_are_kept_to(self):
        yesterday = registered(pass_days=[self.today - timedelta(days=1)])
        assert refusal(BadgeState.VALID, yesterday, self.today, None) is Refusal.OTHER_DAY
        assert refusal(BadgeState.VALID, yesterday, self.today - timedelta(days=1), None) is None

    def test_a_session_is_for_its_audience_and_only_while_it_is_held(self):
        guest = registered(category="guest")
        assert refusal(BadgeState.VALID, guest, self.today, session()) is Refusal.AUDIENCE
        assert refusal(BadgeState.VALID, guest, self.today, session(audience=["guest"])) is None
        cancelled = session(status=SessionStatus.CANCELLED)
        assert refusal(BadgeState.VALID, registered(), self.today, cancelled) is Refusal.CANCELLED


@given(st.lists(st.sampled_from([TestPrinting.accepted, TestPrinting.failed, TestPrinting.printed]), min_size=1))
def test_what_reports_amount_to_depends_on_which_there_are_not_on_their_order(reports: list[Report]):
    assert printing(reports) == printing(sorted(set(reports), reverse=True))
