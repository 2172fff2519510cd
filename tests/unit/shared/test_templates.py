"""Environments of several languages share what a template compiles to, and each says it in its own."""

import pytest
from jinja2 import DictLoader, Environment

from shared.templates import SharedCode


def environment(code: SharedCode, greeting: str) -> Environment:
    made = Environment(loader=DictLoader({"page": "{{ greeting }}, {{ name }}"}), bytecode_cache=code, autoescape=True)
    made.globals["greeting"] = greeting
    return made


def test_a_template_is_compiled_once_and_said_by_each_in_its_own_words(monkeypatch: pytest.MonkeyPatch):
    code = SharedCode()
    english, french = environment(code, "Welcome"), environment(code, "Bienvenue")
    assert english.get_template("page").render(name="<Ada>") == "Welcome, &lt;Ada&gt;"
    monkeypatch.delattr(Environment, "compile")
    assert french.get_template("page").render(name="Ada") == "Bienvenue, Ada"
