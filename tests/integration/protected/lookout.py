"""Looks at everything that a system shows to anybody, and notes every canary that it finds, and where."""

import asyncio
import html
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from shared.settings import KafkaSettings
from tests.integration.protected.canaries import Canary, found_in, found_in_mail, found_in_picture, found_in_sheet

AT_ONCE = 6
LANGUAGES, MORE_LANGUAGES = ("en",), ("en", "ar")
"""In which pages are opened, and in which by `IN_MORE`: what they say of people is the same in all."""
IN_MORE = ("nobody", "read-only")
_LINK = re.compile(r'(?:href|src|action)="([^"#]+)')
_UNSAFE = {"post", "put", "patch", "delete"}
_WRONG_BODY = b'{"person": {"given_name": 5, "email": "no address"}, "decision": 5, "reason": 5}'

Values = Mapping[str, Sequence[str]]
"""What parameters of addresses are filled with, by their names."""


class Seen(NamedTuple):
    """A canary: in which kind of place, shown to whom, at which address, and whether it was there before."""

    place: str
    who: str
    where: str
    canary: Canary
    before: bool = False


@dataclass
class Lookout:
    seen: set[Seen] = field(default_factory=set[Seen])
    looked: Counter[str] = field(default_factory=Counter[str])
    addresses: set[str] = field(default_factory=set[str])
    """Of pages that were answered with 200 to somebody."""

    def note(self, place: str, who: str, where: str, found: Iterable[Canary], *, before: bool = False) -> None:
        self.looked[place] += 1
        self.seen.update(Seen(place, who, where, each, before) for each in found)

    # --- pages ---------------------------------------------------------------------------------------------------

    async def pages(self, visitors: Mapping[str, httpx.AsyncClient], addresses: Sequence[str]) -> None:
        """Each visitor opens every address, and every link that a page shows them."""
        await asyncio.gather(*(self._walk(who, http, addresses) for who, http in visitors.items()))

    async def _walk(self, who: str, http: httpx.AsyncClient, addresses: Sequence[str]) -> None:
        languages = MORE_LANGUAGES if who in IN_MORE else LANGUAGES
        ahead = [each for each in addresses if _language(each) in (None, *languages)]
        known = set(ahead)
        while ahead:
            address = ahead.pop()
            answer = await http.get(address)
            assert answer.status_code < 500, (who, address, answer.text)
            if answer.status_code == 200:
                self.addresses.add(address.partition("?")[0])
            asked = found_in(address)  # a search shows what was typed into it
            self.note("page", who, address, _in_answer(answer) - asked)
            shown = [*_LINK.findall(answer.text), *([answer.headers["location"]] if answer.has_redirect_location else [])]
            for link in (_within(html.unescape(each), address, languages) for each in shown):
                if link and link not in known and ("/sessions/" not in link or who == "nobody"):
                    known.add(link)
                    ahead.append(link)

    # --- API -----------------------------------------------------------------------------------------------------

    async def api(self, service: str, url: str, keys: Mapping[str, str], values: Values, only: Values) -> None:
        """Every operation of the service's OpenAPI document with every key; those that change something with `only`."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def ask(who: str, method: str, address: str, **request: Any) -> None:
            headers = {**request.pop("headers"), **({"Authorization": f"Bearer {keys[who]}"} if keys[who] else {})}
            async with turns:
                answer = await http.request(method, address, headers=headers, **request)
            assert answer.status_code < 500, (service, method, address, answer.text)
            self.note("api", who, f"{service}: {method} {address} {headers.get('Accept', '')}", _in_answer(answer))

        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            document = (await http.get("/openapi.json")).json()
            safe, unsafe = list[Any](), list[Any]()
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    known = only if method in _UNSAFE else values
                    for address, how in itertools.product(_filled(path, known), _ways(method, operation, known)):
                        (unsafe if method in _UNSAFE else safe).append((method.upper(), address, how))
            for requests in (safe, unsafe):
                await asyncio.gather(*(ask(who, *each[:2], **each[2]) for each in requests for who in keys))
            for address in ("/metrics", "/openapi.json"):
                self.note("api", "nobody", f"{service}: {address}", found_in((await http.get(address)).content))

    # --- what is left behind -------------------------------------------------------------------------------------

    def topics(self, kafka: KafkaSettings, before: set[str]) -> set[str]:
        """Every record of every topic, looked at whole; returns their places. Blocks."""
        places = set[str]()
        for record in records(kafka):
            place = f"{record.topic} {record.partition} {record.offset}"
            places.add(place)
            headers = [name.encode() + (value or b"") for name, value in record.headers]
            whole = b" ".join([record.key or b"", record.value or b"", *headers])
            key = (record.key or b"").decode("utf-8", "replace")
            self.note("topic", record.topic, key, found_in(whole), before=place in before)
        return places

    def files(self, mailed: Path, printed: Path, logged: Path, before: set[str]) -> set[str]:
        """Mails, sheets and log lines; returns the names of the mails and sheets. Blocks."""
        names = set[str]()
        for file in mailed.glob("*.eml"):
            to, rest = found_in_mail(file.read_bytes())
            self.note("mail", "To", file.name, to, before=file.name in before)
            self.note("mail", "text", file.name, rest, before=file.name in before)
            names.add(file.name)
        for file in printed.glob("*.pdf"):
            self.note("sheet", "printed", file.name, found_in_sheet(file.read_bytes()), before=file.name in before)
            names.add(file.name)
        for file in logged.glob("*.jsonl*"):
            for line in file.read_bytes().splitlines():
                self.note("log", file.name, line[:200].decode("utf-8", "replace"), found_in(line))
        return names


def records(kafka: KafkaSettings) -> Iterator[Any]:
    """Every record of every topic that there is. Blocks."""
    consumer: Any = KafkaConsumer(**kafka.client_arguments(), auto_offset_reset="earliest", enable_auto_commit=False)
    with closing(consumer):
        numbers = ((topic, consumer.partitions_for_topic(topic) or ()) for topic in consumer.topics())
        partitions = [TopicPartition(topic, number) for topic, known in numbers for number in known]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(each) < end for each, end in ends.items()):
            for polled in consumer.poll(timeout_ms=1000, max_records=5000).values():
                yield from polled


def addresses_of(patterns: Iterable[str], values: Values) -> list[str]:
    return sorted({address for pattern in patterns for address in _filled(pattern, values)})


def _language(address: str) -> str | None:
    first = address.split("/")[1][:3].partition("?")[0]
    return first if first in ("ar", "zh", "en", "fr", "ru", "es") else None


def _within(link: str, address: str, languages: Sequence[str]) -> str | None:
    """A link's address on this site; `None` where it leads elsewhere, or to another language."""
    whole = urlsplit(urljoin(f"http://here{address}", link))
    there = f"{whole.path}?{whole.query}" if whole.query else whole.path
    return there if whole.netloc == "here" and _language(there) in (None, *languages) else None


def _filled(path: str, values: Values) -> Iterator[str]:
    """The address for each value of its parameters; one of which nothing is known fails: say what stands there."""
    fixed, names = re.split(r"{[^}]+}", path), [name.partition(":")[0] for name in re.findall(r"{([^}]+)}", path)]
    for chosen in itertools.product(*(values[name] for name in names)):
        yield "".join(itertools.chain.from_iterable(itertools.zip_longest(fixed, chosen, fillvalue="")))


def _ways(method: str, operation: Mapping[str, Any], values: Values) -> Iterator[dict[str, Any]]:
    """How an operation is asked: for each media type that it answers with, or with nothing, little and wrong bodies."""
    required = [each["name"] for each in operation.get("parameters", []) if each["in"] == "query" and each.get("required")]
    for chosen in itertools.product(*(values[name] for name in required)):
        query = dict(zip(required, chosen, strict=True))
        if method in _UNSAFE:
            for body in (b"{}", _WRONG_BODY):
                yield {"params": {**query, "dry_run": "1"}, "content": body, "headers": {"Content-Type": "application/json"}}
        else:
            for media_type in operation["responses"]["200"].get("content", {"*/*": {}}):
                yield {"params": query, "headers": {"Accept": media_type}}


def _in_answer(answer: httpx.Response) -> set[Canary]:
    found = found_in(repr(answer.headers.multi_items()))
    match answer.headers.get("content-type", ""):
        case "application/pdf":
            return found | found_in_sheet(answer.content)
        case "image/png":
            return found | found_in_picture(answer.content)
        case _:
            return found | found_in(answer.content.replace(b"\r\n ", b""))
