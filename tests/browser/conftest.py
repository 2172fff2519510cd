"""A real browser before registration's pages."""

import inspect
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.serving import NO_BROWSER, chromium, served


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of registration with the example conference."""
    with served(tmp_path_factory.mktemp("site")) as address:
        yield address


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def started_browser() -> AsyncIterator[Browser]:
    executable = chromium()
    if executable is None:
        pytest.skip(NO_BROWSER)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(started_browser: Browser) -> AsyncIterator[Browser]:
    """The run's browser, which forgets each test: its pages, cookies and storage."""
    yield started_browser
    for context in started_browser.contexts:
        await context.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All share the browser's loop. What is done in English is for `make test`; other languages and axe's rounds are not."""
    for item in items:
        if not item.path.is_relative_to(Path(__file__).parent):
            continue
        if inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        call = getattr(item, "callspec", None)
        language = call.params.get("language", "en") if call else "en"
        if language != "en" or item.name.startswith("test_axe_"):
            item.add_marker(pytest.mark.thorough)
