"""Every address answers as it is described, whatever is asked: no 5xx, no answer that the description lacks."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.api.server import Api
from tests.pipeline import Pipeline

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
ENDLESS = {"/v1/live", "/v1/replay"}  # the second one ends, at the pace of then
NO_HTTP = b"Invalid HTTP request received."  # the server's word to bytes that are no request: nobody of ours saw them
EXAMPLES = 40


@pytest.mark.slow  # thousands of requests
def test_whatever_is_asked_the_answer_is_as_described(landed: Pipeline, api: Api, eventually) -> None:
    landed.stitch()
    eventually(lambda: len(api.get("/v1/quotes/latest")["quotes"]) == 1)
    schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    asked = [one for one in operations if one.path not in ENDLESS]
    assert len(asked) >= 18
    for operation in asked:
        try_out(operation, "positive")
        if operation.definition.raw.get("parameters") or operation.definition.raw.get("requestBody"):
            try_out(operation, "negative")  # what takes nothing has nothing wrong to be given


def try_out(operation, mode: str) -> None:
    generation = schemathesis.GenerationMode(mode)
    strategy = operation.as_strategy(generation_mode=generation)

    @settings(
        max_examples=EXAMPLES,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def answers(case) -> None:
        answer = case.call(timeout=30)
        if answer.content != NO_HTTP:
            case.validate_response(answer, checks=CHECKS)

    answers()
