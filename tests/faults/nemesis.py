"""The nemesis: breaks parts of a stack, alone and together, in an order that a seed number gives."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.faults.breakage import FAULTS, NotPossible
from tests.faults.records import Poison
from tests.faults.running import Faulty

AT_ONCE = (1, 1, 1, 2, 2, 3)
PAUSE_SECONDS = (1.0, 5.0)


class Nemesis:
    """Runs through all faults in turn, in another order each time."""

    def __init__(
        self, faulty: Faulty, seed: int, names: Sequence[str] | None = None, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._tell = tell
        self._faulty = faulty
        self._rnd = Random(seed)
        self._names = list(names or (name for name in FAULTS if name != "quiet"))
        self._deck: list[str] = []
        self._began = time.monotonic()
        self.poison = Poison()
        self.noted: list[dict[str, Any]] = []
        """What was broken, when, and what came of it."""
        self.unhealed: list[str] = []
        """Processes that did not come back by themselves."""

    async def run_for(self, seconds: float) -> None:
        while time.monotonic() < self._began + seconds:
            together = self._draw(self._rnd.choice(AT_ONCE))
            await asyncio.gather(*(self._inflict(name) for name in together))
            await asyncio.sleep(self._rnd.uniform(*PAUSE_SECONDS))

    async def run_once(self) -> None:
        """Every fault once, one after another, in the order given."""
        for name in self._names:
            await self._inflict(name)

    @property
    def inflicted(self) -> Counter[str]:
        """By kind, how many faults were seen to strike."""
        return Counter(FAULTS[each["fault"]].kind for each in self.noted if each["came"] == "struck")

    @property
    def not_possible(self) -> dict[str, str]:
        struck = {each["fault"] for each in self.noted if each["came"] == "struck"}
        return {each["fault"]: each["came"] for each in self.noted if each["fault"] not in struck}

    def _draw(self, number: int) -> list[str]:
        """The next faults of the deck whose targets differ."""
        drawn: list[str] = []
        targets = set[str]()
        while len(drawn) < number:
            if not self._deck:
                self._deck = self._rnd.sample(self._names, len(self._names))
            name = next((each for each in self._deck if FAULTS[each].target not in targets), None)
            if name is None:
                break
            self._deck.remove(name)
            drawn.append(name)
            targets.add(FAULTS[name].target)
        return drawn

    async def _inflict(self, name: str) -> None:
        note: dict[str, Any] = {"fault": name, "at": round(time.monotonic() - self._began, 3)}
        self.noted.append(note)
        try:
            await FAULTS[name].cause(self._faulty, Random(self._rnd.random()), self.poison)
        except NotPossible as error:
            note["came"] = str(error)
        except (AssertionError, TimeoutError) as error:
            self.unhealed.append(f"{name}: {error or type(error).__name__}")
            note["came"] = "never healed"
        else:
            note["came"] = "struck"
        note["until"] = round(time.monotonic() - self._began, 3)
        self._tell(f"{note['at']:7.1f} to {note['until']:7.1f} s: {name}: {note['came']}")
