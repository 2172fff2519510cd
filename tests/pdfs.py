"""Letters for tests: PDFs as they should be, and as somebody with bad intentions makes them."""

import io
import zlib
from collections.abc import Callable, Mapping

from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    NullObject,
    NumberObject,
    PdfObject,
    StreamObject,
    TextStringObject,
)

Change = Callable[[PdfWriter], object]


def pdf(*changes: Change, pages: int = 1, text: str = "Note verbale") -> bytes:
    """A PDF whose first page says `text`, not compressed."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(300, 400)
    if pages:
        shown = DecodedStreamObject()
        shown.set_data(f"BT /F1 14 Tf 20 300 Td ({text}) Tj ET".encode())
        font = named("/Font", Subtype="/Type1", BaseFont="/Helvetica")
        resources = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})})
        writer.pages[0][NameObject("/Contents")] = writer._add_object(shown)
        writer.pages[0][NameObject("/Resources")] = resources
    for change in changes:
        change(writer)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def named(kind: str, **values: str) -> DictionaryObject:
    given = {"Type": kind, **values}
    return DictionaryObject({NameObject(f"/{name}"): NameObject(value) for name, value in given.items()})


def action(kind: str) -> DictionaryObject:
    return named("/Action", S=kind)


def opens_with(kind: str) -> Change:
    """What happens when the file is opened."""

    def change(writer: PdfWriter) -> None:
        writer.root_object[NameObject("/OpenAction")] = writer._add_object(action(kind))

    return change


def holding(held: PdfObject, name: str = "") -> Change:
    """Something that no page leads to; or, by a name, the catalogue."""

    def change(writer: PdfWriter) -> None:
        reference = writer._add_object(held)
        if name:
            writer.root_object[NameObject(name)] = reference

    return change


def by_reference(writer: PdfWriter) -> None:
    """An action whose kind stands elsewhere in the file."""
    kind = writer._add_object(NameObject("/JavaScript"))
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject({NameObject("/S"): kind})


def stream(size: int) -> StreamObject:
    """Nothing, `size` times over, packed."""
    packed = StreamObject()
    packed._data = bytes(size)
    return packed.flate_encode()


def packed(by: str, data: bytes) -> StreamObject:
    held = StreamObject()
    held._data = data
    held[NameObject("/Filter")] = NameObject(by)
    return held


def picture(width: int, height: int) -> StreamObject:
    drawn = StreamObject()
    drawn._data = b""
    drawn[NameObject("/Subtype")] = NameObject("/Image")
    drawn[NameObject("/Width")], drawn[NameObject("/Height")] = NumberObject(width), NumberObject(height)
    return drawn


def form(writer: PdfWriter) -> None:
    """A form of the kind that programs of its own stand in."""
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject({NameObject("/XFA"): ArrayObject([TextStringObject("x")])})


def model(writer: PdfWriter) -> None:
    """Something in three dimensions on the first page; its file may bring scripts of its own, which stand under no `/JS`."""
    shown = named("/Annot", Subtype="/3D")
    shown[NameObject("/3DD")] = writer._add_object(named("/3D", Subtype="/U3D"))
    writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(shown)])


HOSTILE: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "a script that runs when it is opened": (lambda: pdf(opens_with("/JavaScript")), "active-content"),
    "a program that is started": (lambda: pdf(opens_with("/Launch")), "active-content"),
    "a form that is sent": (lambda: pdf(opens_with("/SubmitForm")), "active-content"),
    "another file that is opened": (lambda: pdf(opens_with("/GoToR")), "active-content"),
    "an action named elsewhere": (lambda: pdf(by_reference), "active-content"),
    "an action that no page leads to": (lambda: pdf(holding(action("/Launch"))), "active-content"),
    "a script among the names": (lambda: pdf(holding(named("/Names", JavaScript="/x"), "/Names")), "active-content"),
    "a file inside": (lambda: pdf(lambda writer: writer.add_attachment("run.exe", b"MZ")), "active-content"),
    "a form with programs": (lambda: pdf(form), "active-content"),
    "a model that turns by a script": (lambda: pdf(model), "active-content"),
    "a script of a model that no page leads to": (lambda: pdf(holding(named("/x", OnInstantiate="/x"))), "active-content"),
    "a film": (lambda: pdf(holding(named("/Annot", Subtype="/Movie"))), "active-content"),
    "encrypted": (lambda: pdf(lambda writer: writer.encrypt("a secret")), "encrypted"),
    "encrypted, and opened by anybody": (lambda: pdf(lambda writer: writer.encrypt("", "a secret")), "encrypted"),
    "21 pages": (lambda: pdf(pages=21), "too-many-pages"),
    "no page": (lambda: pdf(pages=0), "no-pages"),
    "cut off": (lambda: pdf()[:-60], "unreadable"),
    "with its middle gone": (lambda: pdf()[:200] + pdf()[300:], "unreadable"),
    "more behind its end": (lambda: pdf() + b"more", "not-only-a-letter"),
    "an archive, too": (lambda: pdf() + b"PK\5\6" + bytes(18) + b"\n%%EOF", "not-only-a-letter"),
    "a page of the Web, too": (lambda: pdf(text="<html><script>"), "not-only-a-letter"),
    "one part that unpacks to 80 MB": (lambda: pdf(holding(stream(80_000_000))), "unreadable"),
    "a part that is unpacked byte by byte": (
        lambda: pdf(holding(packed("/LZWDecode", b"\x80" + bytes(400_000)))),
        "unreadable",
    ),
    "runs of one byte": (lambda: pdf(holding(packed("/RunLengthDecode", bytes(600_000) + b"\x80"))), "unreadable"),
    "a part that is packed wrongly": (lambda: pdf(holding(packed("/FlateDecode", b"x\x9c" + bytes(300_000)))), "unreadable"),
    "parts that unpack to 90 MB": (lambda: pdf(*(holding(stream(15_000_000)) for _ in range(6))), "too-much"),
    "a picture of ten thousand million pixels": (lambda: pdf(holding(picture(100_000, 100_000))), "too-much"),
    "12,000 parts": (lambda: pdf(*(holding(NullObject()) for _ in range(12_000))), "too-much"),
    "6 MiB": (lambda: b"%PDF-1.7\n" + bytes(6 * 1024 * 1024), "pdf-too-large"),
    "behind another beginning": (lambda: b"GIF89a" + pdf(), "wrong-format"),
    "behind a blank": (lambda: b" " + pdf(), "not-a-letter"),
}
"""Each kind, and the code that it is refused with."""


def without_end() -> bytes:
    """Some kilobytes that keep a reader busy for most of a minute: fifteen million rows of one byte."""
    rows = StreamObject()
    rows._data = zlib.compress(bytes(15_000_000), 9)
    rows[NameObject("/Filter")] = NameObject("/FlateDecode")
    rows[NameObject("/DecodeParms")] = DictionaryObject(
        {NameObject("/Predictor"): NumberObject(15), NameObject("/Columns"): NumberObject(1)}
    )
    return pdf(holding(rows))
