"""Workgroups: who decides where results go and what a query may cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from athena_queries import Athena
from localaws.server import LocalAws

LOCATION = "s3://lake/enforced/"


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


def create(athena: Athena, name: str = "team", **configuration: Any) -> None:
    athena.client.create_work_group(Name=name, Configuration=configuration)


def configuration(athena: Athena, name: str = "team") -> dict[str, Any]:
    return dict(athena.client.get_work_group(WorkGroup=name)["WorkGroup"]["Configuration"])


@pytest.mark.behaviour("athena", "The workgroup `primary` always exists and enforces nothing.")
def test_primary_always_exists(athena: Athena) -> None:
    group = athena.client.get_work_group(WorkGroup="primary")["WorkGroup"]
    assert group["State"] == "ENABLED"
    assert group["Configuration"]["EnforceWorkGroupConfiguration"] is False
    assert group["Configuration"]["EngineVersion"] == {
        "SelectedEngineVersion": "AUTO",
        "EffectiveEngineVersion": "Athena engine version 3",
    }
    with pytest.raises(ClientError, match="primary can't be deleted"):
        athena.client.delete_work_group(WorkGroup="primary")


@pytest.mark.behaviour(
    "athena", "A workgroup that enforces its configuration overrides the client's location."
)
def test_an_enforced_location_wins(athena: Athena) -> None:
    create(
        athena,
        EnforceWorkGroupConfiguration=True,
        ResultConfiguration={
            "OutputLocation": LOCATION,
            "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
        },
    )
    execution = athena.run("SELECT 1 AS one", WorkGroup="team")
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"{LOCATION}{execution['QueryExecutionId']}.csv"
    encryption = execution["ResultConfiguration"]["EncryptionConfiguration"]
    assert encryption == {"EncryptionOption": "SSE_S3"}
    assert athena.text(location) == '"one"\n"1"\n'


@pytest.mark.behaviour(
    "athena", "A workgroup that enforces nothing gives the location where the client gives none."
)
def test_a_location_that_is_not_enforced_is_a_default(athena: Athena) -> None:
    create(
        athena,
        EnforceWorkGroupConfiguration=False,
        ResultConfiguration={"OutputLocation": LOCATION},
    )
    own = athena.run("SELECT 1", WorkGroup="team")
    assert own["ResultConfiguration"]["OutputLocation"].startswith("s3://lake/results/")
    default = athena.run("SELECT 1", WorkGroup="team", ResultConfiguration={})
    assert default["ResultConfiguration"]["OutputLocation"].startswith(LOCATION)


@pytest.mark.behaviour("athena", "A query without any output location is refused.")
def test_without_a_location_a_query_is_refused(athena: Athena) -> None:
    with pytest.raises(ClientError, match="No output location provided") as refused:
        athena.start("SELECT 1", ResultConfiguration={})
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"
    with pytest.raises(ClientError, match="outputLocation is not a valid S3 path"):
        athena.start("SELECT 1", ResultConfiguration={"OutputLocation": "/tmp/results"})


@pytest.mark.behaviour("athena", "A disabled workgroup takes no queries.")
def test_a_disabled_workgroup_takes_no_queries(athena: Athena) -> None:
    create(athena)
    athena.client.update_work_group(WorkGroup="team", State="DISABLED")
    with pytest.raises(ClientError, match="WorkGroup team is disabled"):
        athena.start("SELECT 1", WorkGroup="team")
    with pytest.raises(ClientError, match="WorkGroup is not found"):
        athena.start("SELECT 1", WorkGroup="unknown")


@pytest.mark.behaviour(
    "athena",
    "Over BytesScannedCutoffPerQuery, which is 10,000,000 at least, a query is CANCELLED.",
)
def test_a_query_over_the_cutoff_is_cancelled(athena: Athena) -> None:
    create(
        athena,
        BytesScannedCutoffPerQuery=10_000_000,
        ResultConfiguration={"OutputLocation": LOCATION},
    )
    line = json.dumps({"orderid": "x" * 1_000_000}) + "\n"
    athena.put("orders/a.json", line * 11)
    athena.run(
        "CREATE EXTERNAL TABLE orders (orderid string) "
        "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/orders/'"
    )

    status = athena.finished("SELECT count(*) FROM orders", WorkGroup="team")["Status"]

    assert status["State"] == "CANCELLED"
    assert status["StateChangeReason"] == "Bytes scanned limit was exceeded"
    assert athena.run("SELECT count(*) FROM orders")["Statistics"]["DataScannedInBytes"] > 1e7


def test_a_cutoff_below_ten_million_bytes_is_refused(athena: Athena) -> None:
    with pytest.raises(Exception, match="BytesScannedCutoffPerQuery"):
        create(athena, BytesScannedCutoffPerQuery=9_999_999)


@pytest.mark.behaviour("athena", "Workgroups are updated setting by setting, and removed ones.")
def test_settings_are_changed_one_by_one(athena: Athena) -> None:
    create(
        athena,
        BytesScannedCutoffPerQuery=20_000_000,
        RequesterPaysEnabled=True,
        ResultConfiguration={"OutputLocation": LOCATION},
    )
    athena.client.update_work_group(
        WorkGroup="team",
        Description="the team's",
        ConfigurationUpdates={
            "RemoveBytesScannedCutoffPerQuery": True,
            "EnforceWorkGroupConfiguration": False,
            "ResultConfigurationUpdates": {"OutputLocation": "s3://lake/moved/"},
        },
    )
    changed = configuration(athena)
    assert "BytesScannedCutoffPerQuery" not in changed
    assert changed["RequesterPaysEnabled"] is True
    assert changed["EnforceWorkGroupConfiguration"] is False
    assert changed["ResultConfiguration"] == {"OutputLocation": "s3://lake/moved/"}
    listed = athena.client.list_work_groups()["WorkGroups"]
    assert [(g["Name"], g["Description"]) for g in listed] == [
        ("primary", ""),
        ("team", "the team's"),
    ]


@pytest.mark.behaviour(
    "athena", "A workgroup with queries in it is deleted with RecursiveDeleteOption only."
)
def test_a_workgroup_with_queries_is_deleted_recursively(athena: Athena) -> None:
    create(athena, ResultConfiguration={"OutputLocation": LOCATION})
    query_id = athena.run("SELECT 1", WorkGroup="team")["QueryExecutionId"]
    with pytest.raises(ClientError, match="WorkGroup team is not empty"):
        athena.client.delete_work_group(WorkGroup="team")

    athena.client.delete_work_group(WorkGroup="team", RecursiveDeleteOption=True)

    with pytest.raises(ClientError, match="WorkGroup is not found"):
        athena.client.get_work_group(WorkGroup="team")
    with pytest.raises(ClientError, match="was not found"):
        athena.execution(query_id)


@pytest.mark.behaviour("athena", "Settings that the local AWS doesn't support are refused.")
@pytest.mark.parametrize(
    "setting",
    [
        {"EngineVersion": {"SelectedEngineVersion": "PySpark engine version 3"}},
        {"ManagedQueryResultsConfiguration": {"Enabled": True}},
        {
            "ResultConfiguration": {
                "OutputLocation": LOCATION,
                "EncryptionConfiguration": {"EncryptionOption": "CSE_KMS", "KmsKey": "k"},
            }
        },
    ],
)
def test_settings_that_are_not_supported_are_refused(
    athena: Athena, setting: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="the local AWS does not support") as refused:
        create(athena, **setting)
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"


@pytest.mark.behaviour("athena", "Workgroups have tags.")
def test_workgroups_have_tags(athena: Athena) -> None:
    athena.client.create_work_group(Name="team", Tags=[{"Key": "stage", "Value": "dev"}])
    arn = "arn:aws:athena:us-east-1:000000000000:workgroup/team"
    athena.client.tag_resource(ResourceARN=arn, Tags=[{"Key": "owner", "Value": "me"}])
    athena.client.untag_resource(ResourceARN=arn, TagKeys=["stage"])
    tags = athena.client.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert tags == [{"Key": "owner", "Value": "me"}]
    with pytest.raises(ClientError) as missing:
        athena.client.list_tags_for_resource(ResourceARN=arn + "s")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.behaviour("athena", "Named queries are kept by workgroup.")
def test_named_queries_are_kept(athena: Athena) -> None:
    query = {"Name": "one", "Database": "sales", "QueryString": "SELECT 1"}
    query_id = athena.client.create_named_query(**query)["NamedQueryId"]
    kept = athena.client.get_named_query(NamedQueryId=query_id)["NamedQuery"]
    assert kept == {**query, "NamedQueryId": query_id, "WorkGroup": "primary"}
    assert athena.client.list_named_queries()["NamedQueryIds"] == [query_id]
    athena.client.update_named_query(NamedQueryId=query_id, Name="uno", QueryString="SELECT 2")
    batch = athena.client.batch_get_named_query(NamedQueryIds=[query_id, "unknown"])
    assert [found["QueryString"] for found in batch["NamedQueries"]] == ["SELECT 2"]
    assert batch["UnprocessedNamedQueryIds"][0]["NamedQueryId"] == "unknown"
    athena.client.delete_named_query(NamedQueryId=query_id)
    with pytest.raises(ClientError, match="was not found"):
        athena.client.get_named_query(NamedQueryId=query_id)
