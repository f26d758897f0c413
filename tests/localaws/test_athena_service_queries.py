"""Query executions: submitted, watched, stopped, kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from athena_queries import OUTPUT, Athena, token
from localaws.athena.service import AthenaService
from localaws.server import LocalAws

#: Runs for hours unless it is stopped.
ENDLESS = (
    "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) "
    "CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y) "
    "CROSS JOIN UNNEST(sequence(1, 10000)) AS c(z) WHERE (x * y + z) % 7 = 8"
)


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


def service(local_aws: LocalAws) -> AthenaService:
    return next(s for s in local_aws.services if isinstance(s, AthenaService))


@pytest.mark.behaviour(
    "athena",
    "A query is QUEUED, RUNNING, then SUCCEEDED, FAILED or CANCELLED; GetQueryExecution gives its "
    "type, times, engine version and the full path of the result file.",
)
def test_a_query_goes_from_queued_to_succeeded(athena: Athena) -> None:
    query_id = athena.start("SELECT 1 AS one")
    assert athena.execution(query_id)["Status"]["State"] == "QUEUED"

    athena.local_aws.step()

    execution = athena.execution(query_id)
    assert execution["Status"]["State"] == "SUCCEEDED"
    assert execution["Status"]["CompletionDateTime"] >= execution["Status"]["SubmissionDateTime"]
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "SELECT")
    assert execution["ResultConfiguration"]["OutputLocation"] == f"{OUTPUT}{query_id}.csv"
    assert execution["QueryExecutionContext"] == {"Database": "sales"}
    assert execution["EngineVersion"]["EffectiveEngineVersion"] == "Athena engine version 3"
    assert execution["WorkGroup"] == "primary"
    statistics = execution["Statistics"]
    assert statistics["DataScannedInBytes"] == 0
    assert statistics["TotalExecutionTimeInMillis"] >= statistics["EngineExecutionTimeInMillis"]


@pytest.mark.behaviour(
    "athena",
    "A failed query has its reason, and an AthenaError with category, type and message.",
)
def test_a_failed_query_says_why(athena: Athena) -> None:
    execution = athena.finished("SELECT * FROM missing")

    status = execution["Status"]
    assert status["State"] == "FAILED"
    assert "TABLE_NOT_FOUND" in status["StateChangeReason"]
    assert status["AthenaError"] == {
        "ErrorCategory": 2,
        "ErrorType": 1301,
        "Retryable": False,
        "ErrorMessage": status["StateChangeReason"],
    }
    with pytest.raises(ClientError, match="Final query state: FAILED"):
        athena.client.get_query_results(QueryExecutionId=execution["QueryExecutionId"])


@pytest.mark.behaviour(
    "athena",
    "A ClientRequestToken makes a start idempotent: the same request gives the same id, another "
    "request is refused.",
)
def test_the_same_token_starts_one_query(athena: Athena) -> None:
    request = token()
    first = athena.start("SELECT 1", ClientRequestToken=request)
    athena.local_aws.step()
    assert athena.start("SELECT 1", ClientRequestToken=request) == first
    assert athena.start("SELECT 1", ClientRequestToken=token()) != first

    with pytest.raises(ClientError, match="Idempotent parameters do not match") as refused:
        athena.start("SELECT 2", ClientRequestToken=request)
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"
    elsewhere = {"OutputLocation": "s3://lake/elsewhere/"}
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        athena.start("SELECT 1", ClientRequestToken=request, ResultConfiguration=elsewhere)


def test_a_token_has_128_characters_at_most(athena: Athena) -> None:
    athena.start("SELECT 1", ClientRequestToken="x" * 128)
    with pytest.raises(ClientError, match="ClientRequestToken"):
        athena.start("SELECT 1", ClientRequestToken="x" * 129)


@pytest.mark.behaviour(
    "athena", "What isn't SQL is refused when it is submitted, with the place of the fault."
)
@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "line 1:1: mismatched input 'SELEC'"),
        ("SELECT *\nFROM t WHERE x = = 1", "line 2:18: mismatched input '='"),
        ("-- all\nSELECT *\nFROM t WHERE x = = 1", "line 3:18: mismatched input '='"),
        ("-- nothing", "mismatched input '<EOF>'"),
        ("GRANT SELECT ON t TO x", "Queries of this type are not supported"),
        ("CREATE TABLE t (n int)", "No location was specified for table"),
    ],
)
def test_a_malformed_query_is_refused_at_once(athena: Athena, sql: str, message: str) -> None:
    with pytest.raises(ClientError) as refused:
        athena.start(sql)
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidRequestException"
    assert message in error["Message"]
    assert athena.client.list_query_executions()["QueryExecutionIds"] == []


@pytest.mark.behaviour(
    "athena", "One statement at a time; a semicolon at its end and comments are allowed."
)
def test_only_one_statement_at_a_time(athena: Athena) -> None:
    with pytest.raises(ClientError, match="Only one sql statement is allowed"):
        athena.start("SELECT 1; SELECT 2")
    sql = "-- SHOW TABLES\n/* SHOW TABLES; */ SELECT ';' AS text; -- the end"
    assert athena.rows(sql) == [["text"], [";"]]


@pytest.mark.behaviour("athena", "StopQueryExecution cancels a query, be it queued or running.")
@pytest.mark.parametrize("running", [False, True])
def test_a_query_can_be_stopped(athena: Athena, local_aws: LocalAws, running: bool) -> None:
    query_id = athena.start(ENDLESS)
    if running:
        service(local_aws).step(datetime.now(UTC))
        assert athena.execution(query_id)["Status"]["State"] == "RUNNING"
        with pytest.raises(ClientError, match="Current state: RUNNING"):
            athena.client.get_query_results(QueryExecutionId=query_id)

    athena.client.stop_query_execution(QueryExecutionId=query_id)

    status = athena.execution(query_id)["Status"]
    assert (status["State"], status["StateChangeReason"]) == (
        "CANCELLED",
        "Query cancelled by user",
    )
    athena.local_aws.step()
    assert athena.keys("results/") == []


def test_stopping_a_query_that_has_ended_changes_nothing(athena: Athena) -> None:
    query_id = athena.run("SELECT 1")["QueryExecutionId"]
    athena.client.stop_query_execution(QueryExecutionId=query_id)
    assert athena.execution(query_id)["Status"]["State"] == "SUCCEEDED"


@pytest.mark.behaviour("athena", "Several queries run at once; those above the limit are queued.")
def test_queries_run_side_by_side(athena: Athena, local_aws: LocalAws) -> None:
    ids = [athena.start(ENDLESS) for _ in range(5)]
    service(local_aws).step(datetime.now(UTC))
    states = [athena.execution(query_id)["Status"]["State"] for query_id in ids]
    assert states == ["RUNNING"] * 4 + ["QUEUED"]
    for query_id in ids:
        athena.client.stop_query_execution(QueryExecutionId=query_id)
    athena.local_aws.step()


@pytest.mark.behaviour("athena", "Executions are listed by workgroup, newest first, in pages.")
def test_executions_are_listed_newest_first(athena: Athena) -> None:
    ids = [athena.start("SELECT 1", ClientRequestToken=token()) for _ in range(3)]
    first = athena.client.list_query_executions(MaxResults=2)
    assert first["QueryExecutionIds"] == [ids[2], ids[1]]
    second = athena.client.list_query_executions(NextToken=first["NextToken"])
    assert second["QueryExecutionIds"] == [ids[0]]
    assert "NextToken" not in second
    with pytest.raises(ClientError, match="nextPageToken is malformed"):
        athena.client.list_query_executions(NextToken="nonsense")


def test_a_batch_of_executions_names_the_unknown_ones(athena: Athena) -> None:
    known = athena.start("SELECT 1")
    answer = athena.client.batch_get_query_execution(QueryExecutionIds=[known, "unknown"])
    assert [found["QueryExecutionId"] for found in answer["QueryExecutions"]] == [known]
    assert answer["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"] == "unknown"
    with pytest.raises(ClientError, match="QueryExecution unknown was not found"):
        athena.client.get_query_execution(QueryExecutionId="unknown")


@pytest.mark.behaviour("athena", "Result reuse gives a former result, if it is young enough.")
def test_a_result_can_be_reused(athena: Athena) -> None:
    reuse = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}
    first = athena.run("SELECT 1 AS one", ResultReuseConfiguration=reuse)
    second = athena.run("SELECT 1 AS one", ResultReuseConfiguration=reuse)
    third = athena.run("SELECT 1 AS one")
    reused = [
        e["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"]
        for e in (first, second, third)
    ]
    assert reused == [False, True, False]
    location = first["ResultConfiguration"]["OutputLocation"]
    assert second["ResultConfiguration"]["OutputLocation"] == location


@pytest.mark.behaviour(
    "athena",
    "ExecutionParameters stand for question marks; so do those of EXECUTE … USING in a prepared "
    "statement.",
)
def test_parameters_stand_for_question_marks(athena: Athena) -> None:
    sql = "SELECT ? AS a, ? AS b"
    assert athena.rows(sql, ExecutionParameters=["'x'", "2"])[1] == ["x", "2"]

    athena.client.create_prepared_statement(
        StatementName="both", WorkGroup="primary", QueryStatement=sql
    )
    execution = athena.run("EXECUTE both USING 'y', 3")
    assert execution["SubstatementType"] == "EXECUTE"
    assert athena.rows("EXECUTE both USING 'y', 3")[1] == ["y", "3"]
    athena.run("DEALLOCATE PREPARE both")
    with pytest.raises(ClientError, match="both was not found in workGroup primary"):
        athena.start("EXECUTE both USING 'y', 3")


def test_prepare_and_the_api_share_their_statements(athena: Athena) -> None:
    athena.run("PREPARE twice FROM SELECT ? * 2 AS n")
    listed = athena.client.list_prepared_statements(WorkGroup="primary")["PreparedStatements"]
    assert [found["StatementName"] for found in listed] == ["twice"]
    athena.client.update_prepared_statement(
        StatementName="twice", WorkGroup="primary", QueryStatement="SELECT ? + ? AS n"
    )
    kept = athena.client.get_prepared_statement(StatementName="twice", WorkGroup="primary")
    assert kept["PreparedStatement"]["QueryStatement"] == "SELECT ? + ? AS n"
    athena.client.delete_prepared_statement(StatementName="twice", WorkGroup="primary")
    with pytest.raises(ClientError) as missing:
        athena.client.get_prepared_statement(StatementName="twice", WorkGroup="primary")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.behaviour(
    "athena",
    "Executions survive a restart; a query that ran then has failed with a clear reason, a queued "
    "one is still queued.",
)
def test_state_survives_a_restart(athena: Athena, local_aws: LocalAws) -> None:
    running = athena.start(ENDLESS)
    own = service(local_aws)
    own.step(datetime.now(UTC))
    request = token()
    queued = athena.start("SELECT 1", ClientRequestToken=request)
    athena.client.create_work_group(Name="other")
    state = json.loads(json.dumps(own.snapshot()))
    athena.client.stop_query_execution(QueryExecutionId=running)
    athena.client.stop_query_execution(QueryExecutionId=queued)
    athena.local_aws.step()

    own.reset()
    own.restore(state)

    status = athena.execution(running)["Status"]
    assert status["State"] == "FAILED"
    assert "stopped while this query ran" in status["StateChangeReason"]
    assert status["AthenaError"]["Retryable"] is True
    assert athena.start("SELECT 1", ClientRequestToken=request) == queued
    athena.local_aws.step()
    assert athena.execution(queued)["Status"]["State"] == "SUCCEEDED"
    assert athena.client.get_work_group(WorkGroup="other")["WorkGroup"]["Name"] == "other"


@pytest.mark.behaviour("athena", "The history of queries is kept for 45 days.")
def test_executions_are_forgotten_after_45_days(athena: Athena) -> None:
    query_id = athena.run("SELECT 1")["QueryExecutionId"]
    athena.local_aws.step(datetime.now(UTC) + timedelta(days=44))
    athena.execution(query_id)
    athena.local_aws.step(datetime.now(UTC) + timedelta(days=46))
    with pytest.raises(ClientError, match="was not found"):
        athena.execution(query_id)


def test_runtime_statistics_tell_times_and_sizes(athena: Athena) -> None:
    query_id = athena.run("SELECT 1 AS one")["QueryExecutionId"]
    answer = athena.client.get_query_runtime_statistics(QueryExecutionId=query_id)
    statistics = answer["QueryRuntimeStatistics"]
    assert statistics["Rows"] == {"InputBytes": 0, "OutputBytes": 10, "OutputRows": 1}
    assert statistics["Timeline"]["TotalExecutionTimeInMillis"] >= 0


@pytest.mark.behaviour("athena", "A catalogue other than AwsDataCatalog is refused.")
def test_another_catalogue_is_refused(athena: Athena) -> None:
    context = {"Catalog": "elsewhere", "Database": "sales"}
    with pytest.raises(ClientError, match="Catalog 'elsewhere' does not exist"):
        athena.start("SELECT 1", QueryExecutionContext=context)
    own = {"Catalog": "AwsDataCatalog", "Database": "sales"}
    assert athena.rows("SELECT 1 AS one", QueryExecutionContext=own)[1] == ["1"]
