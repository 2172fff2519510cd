"""What a conference asks beside what every registration says: the faults of the answers. Pure, as `registration.checks`."""

from collections.abc import Iterator, Mapping
from datetime import date

from shared.conference import Conference, FormField
from shared.said import FieldFault, say

YES, NO = "yes", "no"


def field_faults(answers: Mapping[str, str], category: str, conference: Conference) -> Iterator[FieldFault]:
    """Unknown fields, those of another category, missing ones, and answers of another kind."""
    asked = {each.slug: each for each in conference.fields_of(category)}
    for slug in answers:
        if slug not in asked:
            yield FieldFault(
                f"/fields/{slug}",
                "unknown-field",
                say("This conference does not ask this of category {category}.", category=category),
            )
    for slug, field in asked.items():
        if slug not in answers:
            if field.required:
                yield FieldFault(f"/fields/{slug}", "required", say("This field is required."))
        else:
            yield from _answer_faults(field, answers[slug])


def _answer_faults(field: FormField, answer: str) -> Iterator[FieldFault]:
    where = f"/fields/{field.slug}"
    match field.kind:
        case "choice":
            known = [each.slug for each in field.options]
            if answer not in known:
                yield FieldFault(where, "not-offered", say("Choose one of these: {expected}.", expected=", ".join(known)))
        case "yes-no":
            if answer not in (YES, NO):
                yield FieldFault(where, "not-offered", say("Choose one of these: {expected}.", expected=f"{YES}, {NO}"))
        case "date":
            if not _is_date(answer):
                yield FieldFault(where, "date-parsing", say("This is not a date. Write it as {example}.", example="2018-06-28"))
        case "text":
            pass


def _is_date(answer: str) -> bool:
    try:
        return date.fromisoformat(answer).isoformat() == answer
    except ValueError:
        return False
