"""The OpenAPI description is true: calls made from it never end in an error of the server."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.served import serving
from support.tiny_service import service_of, write_model

schemathesis = pytest.importorskip("schemathesis", reason="an extra of developers")

CALLS = [
    ("/healthz", "GET"),
    ("/v1/predict", "POST"),
    ("/v1/model", "GET"),
    ("/metrics", "GET"),
    ("/health", "GET"),
    ("/setup", "POST"),
    ("/predict", "POST"),
]


@pytest.fixture(scope="module")
def description(tmp_path_factory):
    with serving(service_of(write_model(tmp_path_factory.mktemp("model")))) as running:
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{running.port}/openapi.json")


def test_calls__are_all_that_are_described(description):
    described = [operation.ok() for operation in description.get_all_operations()]
    assert sorted((one.path, one.method.upper()) for one in described) == sorted(CALLS)


@pytest.mark.parametrize(("path", "method"), CALLS, ids=lambda word: word.strip("/"))
def test_calls__made_from_the_description_end_as_it_says(description, path, method):
    operation, checks = description[path][method], schemathesis.checks
    modes = list(schemathesis.GenerationMode)[: 2 if method == "POST" else 1]  # what fits, what not

    @given(made=st.data())
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    def call(made):
        mode = made.draw(st.sampled_from(modes))
        made.draw(operation.as_strategy(generation_mode=mode)).call_and_validate(
            checks=[
                checks.not_a_server_error,
                checks.status_code_conformance,
                checks.content_type_conformance,
                checks.response_schema_conformance,
            ]
        )

    call()
