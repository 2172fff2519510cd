"""Any request that the OpenAPI document describes, and many that it does not: no 5xx, no answer that it does not tell of."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.settings import KafkaSettings
from tests import parts
from tests.browser.serving import served
from tests.integration.deployment import Deployment, free_port

pytestmark = pytest.mark.thorough

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
_prefixes = parts.prefixes()
EXAMPLES = 12
"""Of each operation; each is sent with every key."""


@pytest.fixture(scope="module")
def deployment(bootstrap: str, tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[Path], str]) -> Deployment:
    kafka = KafkaSettings(kafka_bootstrap_servers=bootstrap, topic_prefix=f"any-{next(_prefixes)}.")
    deployment = Deployment(tmp_path_factory.mktemp("any-request"), kafka, new_url)
    nobody = {"SMTP_URL": f"smtp://127.0.0.1:{free_port()}", "REGISTRATION_PUBLIC_URL": "http://registration.example"}
    deployment.environment |= nobody
    return deployment


@pytest.fixture(scope="module")
def registration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("any-request")) as address:
        yield address


def breaches(address: str, *keys: str) -> dict[str, str]:
    """What is wrong with the answers to generated requests, by operation."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    found: dict[str, str] = {}
    operations = [each.ok() for each in schema.get_all_operations()]
    assert len(operations) >= 4
    for operation in operations:
        try:
            _try(operation, keys)
        except FailureGroup as failures:
            found[operation.label] = "; ".join(str(each) for each in failures.exceptions)
    return found


def _try(operation: Any, keys: Sequence[str]) -> None:
    @given(case=operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def answers(case: schemathesis.Case) -> None:
        for key in keys:
            answer = case.call(headers={"Authorization": f"Bearer {key}"})
            case.validate_response(answer, checks=CHECKS)

    answers()


def test_registration_answers_as_documented(registration: str):
    assert breaches(registration, "accreditation", "programme", "form", "nobody's") == {}


@pytest.mark.parametrize("service", ["badging", "notifications"])
def test_the_other_services_answer_as_documented(deployment: Deployment, service: str):
    with deployment.running(service) as address:
        keys = [deployment.key("staff", f"{role} of {service}", "--role", role) for role in ("badging", "operations")]
        assert breaches(address, "nobody's", *keys) == {}
