"""What the local AWS relies on in MiniStack. It fails loudly when an upgrade moves it."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from importlib.metadata import version

import pytest

from localaws import registry
from localaws.server import LocalAws
from localaws.services import ALL
from localaws.wire import service_model


def test_version_is_the_one_that_was_read() -> None:
    assert version("ministack") == registry.MINISTACK_VERSION


@pytest.mark.usefixtures("local_aws")
def test_it_looks_at_no_container_of_this_machine() -> None:
    from ministack import app

    assert app._reaper_docker_client() is None


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


@pytest.mark.usefixtures("local_aws")
@pytest.mark.parametrize("name", sorted(registry.KEPT_STORES))
def test_what_is_kept_record_by_record_is_in_dictionaries_by_account_and_region(name: str) -> None:
    module = importlib.import_module(f"ministack.services.{name}")
    for store in registry.KEPT_STORES[name]:
        assert type(getattr(module, f"_{store}")._data) is dict, store
    # MiniStack keeps nothing over a restart that the keeper doesn't.
    assert set(module.get_state()) <= set(registry.KEPT_STORES[name])


@pytest.mark.usefixtures("local_aws")
def test_every_module_that_has_state_gives_it_and_takes_it() -> None:
    from ministack import app
    from ministack.core import persistence, responses

    for name in app._registry_module_names():
        module = sys.modules.get(f"ministack.services.{name}")
        if hasattr(module, "get_state"):
            assert callable(module.load_persisted_state), name
    scoped = responses.AccountRegionScopedDict()
    scoped["b"] = {"data": b"1"}
    text = json.dumps(scoped, default=persistence._json_default)
    marked = json.loads(text)
    assert set(marked) == {"__account_region_scoped__", "data"}
    taken = json.loads(text, object_hook=persistence._json_object_hook)
    assert taken._data == scoped._data


@pytest.mark.usefixtures("local_aws")
def test_all_that_writes_items_goes_through_the_functions_that_are_followed() -> None:
    from ministack.services import dynamodb

    source = inspect.getsource(dynamodb)
    set_item = inspect.getsource(dynamodb._set_item)
    remove_item = inspect.getsource(dynamodb._remove_item)
    stores = re.compile(
        r'\["items"\](\.setdefault|\.pop|\[[^\]]*\](\[[^\]]*\])? = )|del \w+\["items"\]'
    )
    assert len(stores.findall(source)) == len(stores.findall(set_item + remove_item)) == 2
    # A table's items are exchanged with a word to the third, or belong to a new table.
    exchanges = re.findall(r'\["items"\] = defaultdict\(dict, .*\n(.*)\n', source)
    assert [line.partition("(")[0].strip() for line in exchanges] == [
        "# Migrate legacy SSEDescription shape",
        'arn = f"arn:aws:dynamodb:{region}:{account}:table/{name}"',
        "_items_replaced",
        "_items_replaced",
        "_items_replaced",
    ]


@pytest.mark.usefixtures("local_aws")
def test_objects_are_written_by_one_function_that_is_looked_up_when_it_is_called() -> None:
    from ministack import app
    from ministack.services import lambda_svc, s3

    assert str(inspect.signature(s3._atomic_write)) == (
        "(fpath: str, data: bytes, *, text: bool = False)"
    )
    assert "_atomic_write(fpath, data)" in inspect.getsource(s3._persist_object)
    # The body first, then what describes it: what is mended after a kill relies on it.
    body, description, *_ = re.findall(
        r"_atomic_write\(fpath.*", inspect.getsource(s3._persist_object)
    )
    assert ".meta.json" not in body
    assert ".meta.json" in description
    assert "mod.handle_request(" in inspect.getsource(app._lazy_handler)
    assert str(inspect.signature(lambda_svc._prune_orphan_code_blobs)) == (
        "(referenced: set[str]) -> None"
    )
