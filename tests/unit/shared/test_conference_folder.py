import re
import shutil
from pathlib import Path

import pytest

from badging import render
from shared import conference_folder
from shared.conference_folder import ConferenceFault, load
from shared.events import LANGUAGES

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "conferences" / "counter-terrorism-2018"
TINY = ROOT / "tests" / "conferences" / "tiny"


@pytest.fixture(scope="module")
def example():
    return load(EXAMPLE)


@pytest.fixture
def folder(tmp_path):
    copy = tmp_path / "tiny"
    shutil.copytree(TINY, copy)
    return copy


def edited(folder, old, new):
    """Replace one text in the tiny conference's file; returns the line on which it stood."""
    file = folder / "conference.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def faults_of(folder):
    with pytest.raises(ConferenceFault) as raised:
        load(folder)
    return raised.value.faults


def test_another_conference_is_another_folder():
    tiny = load(TINY)
    assert [category.slug for category in tiny.categories] == ["member", "guest"]
    assert tiny.quota(tiny.delegation["no"]) == 3
    assert tiny.delegation["no"].names["fr"] == "Norvège"
    assert [day.isoformat() for day in tiny.days] == ["2026-05-12"]
    assert tiny.instant(tiny.sessions[0].starts_at).isoformat() == "2026-05-12T07:00:00+00:00"


def test_a_badge_layout_that_does_not_exist_is_a_fault_at_its_line(folder):
    line = edited(folder, 'colour: "#1d4e63"', 'layout: gala\n    colour: "#1d4e63"')
    with pytest.raises(ConferenceFault) as raised:
        load(folder, ["standard", "plain"])
    [fault] = raised.value.faults
    assert fault.line == line
    assert fault.message.startswith('categories[0].layout: unknown badge layout "gala": there are plain, standard;')


def test_who_prints_no_badges_takes_any_layout(folder):
    edited(folder, 'colour: "#1d4e63"', 'layout: gala\n    colour: "#1d4e63"')
    assert load(folder).categories[0].layout == "gala"


def test_the_layouts_of_the_example_exist():
    assert load(EXAMPLE, render.layouts()).categories


def test_the_digest_follows_every_file(folder):
    before = load(folder).digest
    assert before == load(TINY).digest
    edited(folder, "Old Customs House", "New Customs House")
    renamed = load(folder).digest
    (folder / "extra.yaml").write_text("working_groups: []\n")
    assert len({before, renamed, load(folder).digest}) == 3


def test_a_list_may_be_continued_in_another_file_and_keeps_its_lines(folder):
    (folder / "more.yaml").write_text(
        "# one good, one bad\ndelegations:\n- {code: genoa, kind: port, names: {en: Genoa}}\n"
        "- {code: bari, kind: prot, names: {en: Bari}}\n"
    )
    [fault] = faults_of(folder)
    assert (fault.file.name, fault.line) == ("more.yaml", 4)
    assert 'did you mean "port"' in fault.message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("open_to: [port]\n  - slug: guest", "open_to: [prot]\n  - slug: guest", 'unknown kind of delegation "prot"'),
        ("zones: [hall]\n    required", "zones: [hal]\n    required", 'unknown zone "hal": did you mean "hall"'),
        ("quota_by_category: {guest: 2}", "quota_by_category: {visitor: 2}", 'unknown category "visitor"'),
        ('    pass_type: day\n    colour: "#1d4e63"', '    pass_type: week\n    colour: "#1d4e63"', 'unknown pass type "week"'),
        ("room: quay", "room: attic", 'unknown room "attic"'),
        ("audience: [member, guest]", "audience: [member, gest]", 'unknown category "gest"'),
        ("organisers: [marseille]", "organisers: [toulon]", 'unknown delegation "toulon"'),
        ("code: oslo", "code: marseille", 'delegation "marseille" is given twice'),
        ("session_id: pilots", "session_id: welcome", 'session "welcome" is given twice'),
        ('    colour: "#6b3d10"', "    colour: brown", 'and not "brown"'),
        ("    capacity: 4", "    capacity: many", "unable to parse"),
        ("    capacity: 4", "    capacity: 5", 'takes 5 people, room "loft" holds 4'),
        ("    may_be_protected: true", "    may_be_protectd: true", "correct its spelling"),
        ('territory: "NO"', "territory: ZZZ", 'CLDR knows no territory "ZZZ"'),
        ("time_zone: Europe/Paris", "time_zone: Europe/Pari", 'unknown time zone "Europe/Pari"'),
        ("closes_on: 2026-05-12", "closes_on: 2026-05-11", "closes before it opens"),
        ("closes_on: 2026-05-12", "closes_on: tomorrow", "valid date"),
        ("venue: {en: Old", "venue: {de: Old", "input should be 'ar'"),
        ("now: 2026-05-05T09:00:00+02:00", "now: 2026-05-05T09:00:00", "timezone"),
        ("slug: harbour-days-2026", "slug: Harbour Days", "pattern"),
        ("contact: desk@harbour.example", "contact: desk@harbour.example\ncontact: b", '"contact" is given twice here'),
    ],
)
def test_a_fault_names_its_line_and_the_remedy(folder, old, new, says):
    line = edited(folder, old, new)
    faults = faults_of(folder)
    within = range(line, line + new.count("\n") + 1)
    assert any(says in fault.message and fault.line in within for fault in faults), faults
    assert all(fault.file == folder / "conference.yaml" for fault in faults)


def test_what_is_missing_is_told_at_the_item_that_lacks_it(folder):
    line = edited(folder, "  - slug: guest\n    names", "  - names")
    assert any("categories[1].slug: is missing" in fault.message and fault.line == line for fault in faults_of(folder))


def test_a_session_that_ends_before_it_starts_is_told_at_the_session(folder):
    edited(folder, "ends_at: 2026-05-12 12:00", "ends_at: 2026-05-12 10:00")
    [fault] = faults_of(folder)
    lines = (folder / "conference.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[fault.line - 1] == "  - session_id: pilots"
    assert 'session "pilots" ends at 2026-05-12 10:00, not after its start' in fault.message


def test_every_fault_is_told_at_once(folder):
    edited(folder, "room: quay", "room: attic")
    edited(folder, 'colour: "#6b3d10"', "colour: brown")
    edited(folder, 'territory: "NO"', "territory: ZZZ")
    edited(folder, "kind: port, names: {en: Port of Oslo", "kind: prot, names: {en: Port of Oslo")
    with pytest.raises(ConferenceFault) as raised:
        load(folder)
    message = str(raised.value)
    for said in ('unknown room "attic"', '"brown"', 'no territory "ZZZ"', 'unknown kind of delegation "prot"'):
        assert said in message
    places = re.findall(r"^(.+conference\.yaml):(\d+): ", message, re.MULTILINE)
    assert len(places) == len(raised.value.faults) == 5  # the pattern of a territory's code is a fault of its own
    assert raised.value.faults == sorted(raised.value.faults)


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"rooms:\n  - {slug: a, capacity: 3\nzones: []\n", 3, "no valid YAML"),
        (b"rooms:\n\t- x\n", 2, "no valid YAML"),
        (b"# ok\nrooms: \xff\n", 2, "not UTF-8"),
        (b"- one\n- two\n", 1, "is no mapping"),
        (b"\nslug: again\n", 2, "given already in conference.yaml:2"),
        (b"x:\n  ? [a]\n  : b\n", 2, "a key must be plain text"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(folder, content, line, says):
    (folder / "rooms.yaml").write_bytes(content)
    [fault] = faults_of(folder)
    assert (fault.file.name, fault.line) == ("rooms.yaml", line)
    assert says in fault.message


def test_what_the_whole_conference_lacks_is_told(folder):
    (folder / "conference.yaml").write_text("slug: bare\n")
    told = "\n".join(map(str, faults_of(folder)))
    assert "conference.yaml:1: venue: is missing: add it" in told
    assert "conference.yaml:1: sessions: is missing: add it" in told


def test_a_folder_without_files_says_what_to_name(tmp_path):
    assert "holds no .yaml file" in str(faults_of(tmp_path)[0])
    assert "is no folder" in str(faults_of(tmp_path / "absent")[0])


def test_a_code_that_yaml_takes_for_a_truth_value_stays_a_code(folder):
    edited(folder, 'code: no, kind: port, territory: "NO"', "code: no, kind: port, territory: NO")
    assert load(folder).delegation["no"].names["en"] == "Norway"


def test_the_parser_without_libyaml_reads_the_same(monkeypatch):
    monkeypatch.setattr(conference_folder, "_LOADER", conference_folder.yaml.BaseLoader)
    assert load(TINY).model_dump() == load(TINY).model_dump()


def test_the_example_is_the_conference_of_june_2018(example):
    kinds = [delegation.kind for delegation in example.delegations]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "member-state": 149,
        "international-organisation": 30,
        "civil-society": 610,
        "un-entity": 31,
    }
    plenary = [session for session in example.sessions if session.room == "general-assembly-hall"]
    assert (len(plenary), len(example.sessions) - len(plenary)) == (6, 25)
    assert [day.day for day in example.days] == [25, 26, 27, 28, 29]
    assert (example.opens_on - example.now.date()).days == 7
    assert len(example.notice) == 5
    assert {category.accreditation.value for category in example.categories} == {"automatic", "by-decision"}


def test_side_events_run_in_parallel_never_two_in_one_room(example):
    clashes = [
        (one.room == other.room)
        for number, one in enumerate(example.sessions)
        for other in example.sessions[number + 1 :]
        if one.starts_at < other.ends_at and other.starts_at < one.ends_at
    ]
    assert len(clashes) > 15
    assert not any(clashes)
    assert all(len(session.organisers) > 1 for session in example.sessions if session.room != "general-assembly-hall")


def test_the_compact_has_twelve_groups_of_un_entities_interpol_and_wco(example):
    assert len(example.working_groups) == 12
    members = {member for group in example.working_groups for member in group.members}
    assert {"interpol", "wco"} <= members
    assert all(example.delegation[member].kind == "un-entity" for member in members - {"interpol", "wco"})


def texts(part, at=""):
    """Every text by language within a part of a conference, with its place."""
    if isinstance(part, dict) and part and set(part) <= set(LANGUAGES):
        yield at, part
    elif isinstance(part, dict):
        for name, value in part.items():
            yield from texts(value, f"{at}.{name}" if at else name)
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from texts(value, f"{at}[{number}]")


def test_the_example_says_everything_in_six_languages(example):
    """Only a delegation that is no State is named in the languages in which it names itself."""
    everything = example.model_dump()
    everything["delegations"] = [each for each in everything["delegations"] if each["kind"] == "member-state"]
    found = dict(texts(everything))
    assert {at: [code for code in LANGUAGES if code not in said] for at, said in found.items() if len(said) < 6} == {}
    of = {re.split(r"[.\[]", at)[0] for at in found}
    assert of == {
        *("title", "short_title", "venue", "badge_collection", "notice"),
        *("zones", "rooms", "pass_types", "categories", "sessions"),
        *("delegations", "delegation_kinds", "working_groups", "fields", "refusal_reasons"),
    }


def test_the_answers_are_as_long_as_each_other_and_chinese_has_no_spaces(example):
    for question in example.notice:
        chinese = question.answer["zh"]
        assert 150 <= len(chinese) <= 250
        assert " " not in chinese  # folded lines of YAML are joined by one
        assert all(60 <= len(answer.split()) <= 120 for code, answer in question.answer.items() if code != "zh")


def test_every_language_names_the_same_figures(example):
    def figures(text):
        return sorted(re.findall(r"\d+", text))

    for question in example.notice:
        english = figures(question.answer["en"])
        for code in set(LANGUAGES) - {"fr"}:  # which spells twelve out
            assert figures(question.answer[code]) == english, code
    for code, said in example.badge_collection.items():
        assert {"25", "18"} <= set(figures(said)), code


def test_white_text_reads_on_every_band(example):
    assert all(_contrast_with_white(category.colour) >= 4.5 for category in example.categories)
    assert len({category.colour for category in example.categories}) == len(example.categories)


def _contrast_with_white(colour):
    """The ratio of WCAG 2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
