"""Reads a conference's folder: every YAML file in it, whatever it is called.

Each file is a mapping of `Conference` fields. A list may be continued in another file (the delegations, kind by kind);
anything else is given once. Every scalar is read as text and made a number, date or truth value by the model alone, so
that Norway's code `no` stays what it is.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from babel import Locale
from pydantic import ValidationError

from shared.conference import Conference
from shared.events import LANGUAGES

# libyaml's parser is ten times as fast; without it the same text is read by the one in Python.
_LOADER: type[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class FolderFault(NamedTuple):
    """One fault of a folder, at its line (from 1)."""

    file: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class ConferenceFault(Exception):
    """The folder is no conference; `faults` and the message hold every fault with its file, its line and what to do."""

    def __init__(self, folder: Path, faults: list[FolderFault]) -> None:
        self.faults = sorted(faults)
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n".join([f"The conference in {folder} has {count}:", *map(str, self.faults)]))


def load(folder: Path, layouts: Collection[str] = ()) -> Conference:
    """Read and check the conference in `folder`; raises `ConferenceFault` with every fault at once.

    `layouts` are the badge layouts that a category may name; without any, who calls prints no badges and all are taken.
    """
    files = _files(folder)
    reading = _Reading()
    for file, content in files.items():
        reading.read(file, content)
    if reading.faults:
        raise ConferenceFault(folder, reading.faults)
    reading.name_states()
    try:
        conference = Conference.model_validate({**reading.data, "digest": _digest(files)})
    except ValidationError as invalid:
        reading.faults.extend(reading.explain(invalid))
        raise ConferenceFault(folder, reading.faults) from None
    if not _known_time_zone(conference.time_zone):
        reading.report(("time_zone",), f'unknown time zone "{conference.time_zone}": give an IANA name such as Europe/Paris')
    for number, category in enumerate(conference.categories):
        if layouts and category.layout not in layouts:
            known = ", ".join(sorted(layouts))
            message = f'unknown badge layout "{category.layout}": there are {known}; name one of them or add its file'
            reading.report(("categories", number, "layout"), message)
    if reading.faults:
        raise ConferenceFault(folder, reading.faults)
    return conference


def _files(folder: Path) -> dict[Path, bytes]:
    files = sorted(path for path in folder.glob("*.yaml") if path.is_file())
    if not files:
        what = "holds no .yaml file" if folder.is_dir() else "is no folder"
        raise ConferenceFault(folder, [FolderFault(folder, 1, f"{what}: name the folder with the conference's YAML files")])
    return {path: path.read_bytes() for path in files}


def _digest(files: Mapping[Path, bytes]) -> str:
    digest = hashlib.sha256()
    for path, content in files.items():
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _known_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


class _Section(NamedTuple):
    """A top-level field as one file gives it."""

    file: Path
    key: yaml.Node
    value: yaml.Node


class _Reading:
    """The folder's files as one mapping, with the place in a file of everything in it."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.faults: list[FolderFault] = []
        self._sections: dict[str, list[_Section]] = {}
        self._first = Path()

    def read(self, file: Path, content: bytes) -> None:
        """Add one file; what cannot be read is a fault, and the others are read all the same."""
        if not self._sections or file.stem == "conference":
            self._first = file
        try:
            root = cast(yaml.Node | None, yaml.compose(content.decode("utf-8-sig"), Loader=_LOADER))
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.faults.append(FolderFault(file, line, "is not UTF-8 text: save it as UTF-8"))
        except yaml.YAMLError as error:
            self.faults.append(_syntax_fault(file, error))
        else:
            if isinstance(root, yaml.MappingNode):
                self._take(file, root)
            elif root is not None:
                self.faults.append(FolderFault(file, 1, "is no mapping: begin each part with its name, such as `rooms:`"))

    def _take(self, file: Path, root: yaml.MappingNode) -> None:
        for name, value in self._plain(file, root).items():
            key, node = next((key, node) for key, node in root.value if key.value == name)
            given = self.data.setdefault(name, value)
            sections = self._sections.setdefault(name, [])
            if sections and isinstance(given, list) and isinstance(value, list):
                cast(list[object], given).extend(cast(list[object], value))
            elif sections:
                first = sections[0]
                message = f'"{name}" is given already in {first.file.name}:{_line(first.key)}: remove one of the two'
                self.faults.append(FolderFault(file, _line(key), message))
            sections.append(_Section(file, key, node))

    def _plain(self, file: Path, node: yaml.Node) -> Any:
        """Return what `node` holds as plain mappings, lists and text."""
        if isinstance(node, yaml.ScalarNode):
            return node.value
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(file, item) for item in node.value]
        plain: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.faults.append(FolderFault(file, _line(key), "a key must be plain text: write `name: value`"))
            elif key.value in plain:
                self.faults.append(FolderFault(file, _line(key), f'"{key.value}" is given twice here: remove one of the two'))
            else:
                plain[key.value] = self._plain(file, value)
        return plain

    def name_states(self) -> None:
        """Give each delegation that has a territory and no names the names that CLDR has of it."""
        territories = {language: Locale(language).territories for language in LANGUAGES}
        for number, item in enumerate(_items(self.data.get("delegations"))):
            delegation = cast(dict[str, Any], item if isinstance(item, dict) else {})
            if "names" in delegation or not isinstance(code := delegation.get("territory"), str):
                continue
            delegation["names"] = {language: names[code] for language, names in territories.items() if code in names}
            if not delegation["names"]:
                message = f'CLDR knows no territory "{code}": give its ISO 3166-1 code of two capital letters, or give names'
                self.report(("delegations", number, "territory"), message)
                delegation["names"] = {"en": code}

    def report(self, loc: tuple[int | str, ...], message: str) -> None:
        file, line = self.place(loc)
        self.faults.append(FolderFault(file, line, f"{_dotted(loc)}: {message}"))

    def explain(self, invalid: ValidationError) -> Iterator[FolderFault]:
        for error in invalid.errors(include_url=False):
            loc = tuple(step for step in error["loc"] if step != "[key]")
            yield FolderFault(*self.place(loc), f"{_dotted(loc)}: {_remedy(error['msg'], error['type'], error['input'])}")

    def place(self, loc: tuple[int | str, ...]) -> tuple[Path, int]:
        """Return the file and line of what is at `loc`, or of the nearest thing around it."""
        name, *inner = loc or ("",)
        if not (sections := self._sections.get(str(name))):
            return self._first, 1
        section = sections[0]
        if inner and isinstance(inner[0], int):
            at = inner[0]
            for section in sections:
                if not isinstance(section.value, yaml.SequenceNode) or at < len(section.value.value):
                    break
                at -= len(section.value.value)
            inner[0] = at
        return section.file, _line_inside(section, inner)


def _line_inside(section: _Section, steps: list[int | str]) -> int:
    line, node = _line(section.key), section.value
    for step in steps:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = _line(node)
        elif isinstance(node, yaml.MappingNode):
            key, value = next(((key, value) for key, value in node.value if key.value == step), (None, None))
            if key is None:
                break
            line, node = _line(key), value
        else:
            break
    return line


def _line(node: yaml.Node) -> int:
    return cast(int, node.start_mark.line) + 1


def _syntax_fault(file: Path, error: yaml.YAMLError) -> FolderFault:
    mark: Any = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return FolderFault(
        file, mark.line + 1 if mark else 1, f"is no valid YAML: {problem}: correct the line or the one before it"
    )


def _dotted(loc: tuple[int | str, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc).removeprefix(".")


def _remedy(message: str, kind: str, found: object) -> str:
    match kind:
        case "missing":
            return "is missing: add it"
        case "extra_forbidden":
            return "is no field of this part: correct its spelling or remove it"
        case "conference" | "twice" | "dangling" | "value_error" | "control_character" | "nothing_to_see":
            return message.removeprefix("Value error, ")
        case _:
            shown = f' and not "{found}"' if isinstance(found, str) else ""
            return f"{message[:1].lower()}{message[1:]}{shown}: correct it"


def _items(value: object) -> list[object]:
    return cast(list[object], value) if isinstance(value, list) else []
