"""What the tests on a real broker share."""

from collections.abc import Iterator

import pytest

from services import broker


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker that all tests share: each gives its topics a prefix of its own."""
    with broker.running(tmp_path_factory.mktemp("kafka")) as address:
        yield address
