"""What badging's API shows, to whom, and how it describes itself."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from shared.events import PrintState
from shared.ids import new_id
from shared.keys import Role
from tests.badging_app import NAME, Badging, badging_app
from tests.badging_examples import registered, reported


@pytest.fixture
def with_tables_of() -> str:
    return "badging"


@pytest.fixture
async def badging(database_url: str, tmp_path: Path) -> AsyncIterator[Badging]:
    async with badging_app(database_url, tmp_path) as badging:
        yield badging


# --- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}.pdf", "/{id}.png", "/verify?credential=x"])
async def test_everything_needs_a_key_of_the_right_kind(badging: Badging, path: str):
    url = "/badges" + path.format(id=badging.issue().badge_id)
    for role, status in ((None, 401), (Role.PROGRAMME, 403), (Role.OPERATIONS, 200), (Role.ACCREDITATION, 200)):
        answer = await badging.get(url, role)
        assert answer.status_code == status, (role, answer.text)
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["detail"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.BADGING])
async def test_only_the_badging_desk_reprints(badging: Badging, role: Role):
    job = badging.issue()
    assert (await badging.reprint(job.badge_id, {"reason": "lost"}, role)).status_code == 403
    assert await badging.listed(delegate=job.delegate_id, state="valid") == [str(job.badge_id)]


# --- reading ------------------------------------------------------------------------------------------------------


async def test_a_badge_is_shown_whole_but_for_its_credential(badging: Badging):
    job = badging.issue()
    answer = await badging.get(f"/badges/{job.badge_id}")
    badge = answer.json()
    assert (badge["serial"], badge["state"], badge["print_state"], badge["reason"]) == (job.serial, "valid", "queued", "first")
    assert badge["content"]["name"] == NAME
    assert job.credential not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_badges_are_listed_by_delegate_serial_and_state_and_in_pages(badging: Badging):
    first = badging.issue()
    second = badging.issue()
    new = (await badging.reprint(first.badge_id, {"reason": "damaged"})).json()
    every = [str(first.badge_id), str(second.badge_id), new["badge_id"]]
    assert await badging.listed() == every
    assert await badging.listed(delegate=first.delegate_id) == [every[0], every[2]]
    assert await badging.listed(delegate=new_id()) == []
    assert await badging.listed(state="void") == [every[0]]
    assert await badging.listed(serial=second.serial.lower().replace("-", "")) == [every[1]]
    page = (await badging.get("/badges", limit=2)).json()
    assert page["next_after"] == every[1]
    last = (await badging.get("/badges", limit=2, after=page["next_after"])).json()
    assert ([badge["badge_id"] for badge in last["badges"]], last["next_after"]) == ([every[2]], None)


async def test_operations_finds_what_failed_and_what_to_destroy(badging: Badging):
    failed, superseded, kept = badging.issue(), badging.issue(), badging.issue()
    badging.handle(badging.desk.record, reported(failed, PrintState.FAILED, cause="no font here has U+1F600"))
    for job in (superseded, kept):
        badging.handle(badging.desk.record, reported(job, PrintState.PRINTED))
    await badging.reprint(superseded.badge_id, {"reason": "lost"})
    assert await badging.listed(print_state="failed") == [str(failed.badge_id)]
    assert await badging.listed(destroy=1) == [str(superseded.badge_id)]
    shown = (await badging.get(f"/badges/{failed.badge_id}")).json()
    assert shown["print_cause"] == "no font here has U+1F600"


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"limit": 0}, "limit"),
        ({"state": "lost"}, "state"),
        ({"delegate": "ada"}, "delegate"),
        ({"serial": "HD26-1"}, "serial"),
        ({"delegat": "0190"}, "delegat"),
    ],
)
async def test_a_wrong_parameter_is_named(badging: Badging, parameters: dict[str, Any], named: str):
    answer = await badging.get("/badges", **parameters)
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert named in fault["pointer"]


async def test_a_badge_that_is_not_there_is_404(badging: Badging):
    for path in ("", ".pdf", ".png"):
        answer = await badging.get(f"/badges/{new_id()}{path}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:lanyard:problem:no-such-badge")
    assert (await badging.reprint(new_id(), {"reason": "lost"})).status_code == 404


# --- pictures -----------------------------------------------------------------------------------------------------


def words_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return document[0].get_textpage().get_text_range().replace("\r\n", " ")


async def test_pictures_show_the_badge_and_a_void_one_says_so(badging: Badging):
    job = badging.issue()
    pdf, png = [await badging.get(f"/badges/{job.badge_id}.{kind}") for kind in ("pdf", "png")]
    assert (pdf.headers["content-type"], png.headers["content-type"]) == ("application/pdf", "image/png")
    assert pdf.headers["cache-control"] == "no-store"
    assert png.content.startswith(b"\x89PNG")
    assert NAME in words_of(pdf.content)
    assert job.serial in words_of(pdf.content)
    assert "VOID" not in words_of(pdf.content)
    await badging.reprint(job.badge_id, {"reason": "stolen"})
    assert "VOID" in words_of((await badging.get(f"/badges/{job.badge_id}.pdf")).content)
    assert (await badging.get(f"/badges/{job.badge_id}.png")).content != png.content


async def test_of_an_erased_delegate_the_serial_alone_is_left(badging: Badging):
    job = badging.issue()
    badging.handle(badging.desk.converge, registered(job.delegate_id, revision=2, status="erased"))
    answer = await badging.get(f"/badges/{job.badge_id}")
    assert (answer.json()["serial"], answer.json()["state"], answer.json()["content"]) == (job.serial, "void", None)
    assert NAME not in answer.text
    for kind in ("pdf", "png"):
        assert (await badging.get(f"/badges/{job.badge_id}.{kind}")).status_code == 410


# --- the description ----------------------------------------------------------------------------------------------


async def test_the_openapi_document_describes_bodies_answers_and_keys(badging: Badging):
    document = (await badging.http.get("/openapi.json")).json()
    paths = document["paths"]
    for path in ("/badges", "/badges/{badge_id}", "/badges/{badge_id}.pdf", "/badges/{badge_id}.png", "/badges/verify"):
        operation = paths[path]["get"]
        assert operation["security"], path
        assert "application/problem+json" in operation["responses"]["401"]["content"], path
    reprint = paths["/badges/{badge_id}/reprint"]["post"]
    assert "application/json" in reprint["requestBody"]["content"]
    assert {"201", "400", "404", "409", "413", "415", "422"} <= reprint["responses"].keys()
    assert list(paths["/badges/{badge_id}.pdf"]["get"]["responses"]["200"]["content"]) == ["application/pdf"]
