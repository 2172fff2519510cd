"""Options of a select: what is chosen, how they are grouped, and that no label is taken for markup or for a value."""

from pathlib import Path

from registration.pages.options import Option, Options, delegation_options
from registration.pages.site import languages
from shared.conference_folder import load

EXAMPLE = Path("conferences/counter-terrorism-2018")
FRUIT = Options(
    [Option("apple", "Apple", "Pomes"), Option("pear", "Pear", "Pomes"), Option("fig", "Fig & <b>date</b>", "Others")]
)


def test_options_are_written_by_group_and_escaped():
    assert FRUIT.html() == (
        '<optgroup label="Pomes"><option value="apple">Apple</option><option value="pear">Pear</option></optgroup>'
        '<optgroup label="Others"><option value="fig">Fig &amp; &lt;b&gt;date&lt;/b&gt;</option></optgroup>'
    )


def test_what_is_given_is_chosen_and_only_on_that_page():
    assert '<option value="pear" selected>' in FRUIT.html(["pear"])
    assert FRUIT.html(["pear"]).count("selected") == 1
    assert FRUIT.html() == FRUIT.html(["", "plum", '"><script>', ' value="apple"'])


def test_a_label_that_looks_like_a_value_is_not_chosen():
    options = Options([Option("a", ' value="b"'), Option("b", "B"), Option('c"d', "C")])
    assert options.html(["b"]).endswith('<option value="b" selected>B</option><option value="c&#34;d">C</option>')
    assert '<option value="c&#34;d" selected>' in options.html(['c"d'])


def test_delegations_stand_by_kind_as_in_an_alphabet():
    conference = load(EXAMPLE)
    shown = delegation_options(conference, languages()["fr"], {"member-state"})
    names = [each.label for each in shown]
    assert len(shown) == sum(each.kind == "member-state" for each in conference.delegations) == 149
    assert names.index("Égypte") < names.index("Équateur") < names.index("Finlande")
    assert len(shown.grouped) == 1
    assert len(delegation_options(conference, languages()["ar"], conference.kind)) == 820
