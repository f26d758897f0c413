"""What the local AWS relies on in MiniStack. It fails loudly when an upgrade moves it."""

from __future__ import annotations

import inspect
from importlib.metadata import version

import pytest

from localaws import registry
from localaws.server import LocalAws
from localaws.services import ALL
from localaws.wire import service_model


def test_version_is_the_one_that_was_read() -> None:
    assert version("ministack") == registry.MINISTACK_VERSION


@pytest.mark.usefixtures("local_aws")
def test_services_are_async_handlers_by_their_botocore_name() -> None:
    from ministack import app

    assert {kind.name for kind in ALL} <= app.SERVICE_HANDLERS.keys()
    for handler in app.SERVICE_HANDLERS.values():
        assert list(inspect.signature(handler).parameters) == [
            "method",
            "path",
            "headers",
            "body",
            "query_params" if "ministack" in handler.__module__ else "query",
        ]


@pytest.mark.usefixtures("local_aws")
def test_resource_types_are_dictionaries_of_provisioners() -> None:
    from ministack.services.cloudformation import provisioners

    theirs = provisioners._RESOURCE_HANDLERS["AWS::Kinesis::Stream"]
    assert {"create", "delete"} <= theirs.keys()
    assert list(inspect.signature(theirs["create"]).parameters) == [
        "logical_id",
        "props",
        "stack_name",
    ]


def test_our_types_are_registered(local_aws: LocalAws) -> None:
    from ministack.services.cloudformation import provisioners

    ours = {kind.type_name for service in local_aws.services for kind in service.resource_types()}
    assert {"AWS::Pipes::Pipe", "AWS::KinesisFirehose::DeliveryStream"} <= ours
    for name in ours:
        assert provisioners._RESOURCE_HANDLERS[name]["update_with_logical_id"] is True


def test_operations_exist_in_the_service_model(local_aws: LocalAws) -> None:
    for service in local_aws.services:
        known = set(service_model(service.name).operation_names)
        assert service.operations().keys() <= known


@pytest.mark.usefixtures("local_aws")
def test_lambda_workers_start_as_the_launcher_expects() -> None:
    from ministack.core import lambda_runtime

    source = inspect.getsource(lambda_runtime)
    assert "return sys.executable, _PYTHON_WORKER_SCRIPT" in source
    assert 'prefix=f"ministack-lambda-{self.func_name}-"' in source
    assert 'f"_worker{ext}"' in source
