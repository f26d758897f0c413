"""What the templates say about the way of a change from the table to the lake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from salesflow.live_totals import OrderState
from salesflow.live_writer import item_of


def parameters_of_the_transform(templates: Any) -> dict[str, Any]:
    destination = templates.resource("OrdersDelivery").properties[
        "ExtendedS3DestinationConfiguration"
    ]
    (processor,) = destination["ProcessingConfiguration"]["Processors"]
    return {p["ParameterName"]: p["ParameterValue"] for p in processor["Parameters"]}


def test_a_removed_order_says_what_it_was(templates: Any) -> None:
    stream = templates.resource("OrdersTable").properties["StreamSpecification"]
    assert stream == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_the_pipe_starts_after_the_delivery_stream_which_reads_from_the_latest_change(
    templates: Any,
) -> None:
    assert templates.resource("OrdersPipe").definition["DependsOn"] == "OrdersDelivery"


def test_the_pipe_reads_what_was_written_before_it_existed(templates: Any) -> None:
    source = templates.resource("OrdersPipe").properties["SourceParameters"]
    assert source["DynamoDBStreamParameters"]["StartingPosition"] == "TRIM_HORIZON"


def test_a_poison_change_ends_in_the_dead_letter_queue_and_blocks_nothing(templates: Any) -> None:
    source = templates.resource("OrdersPipe").properties["SourceParameters"]
    stream = source["DynamoDBStreamParameters"]
    assert stream["OnPartialBatchItemFailure"] == "AUTOMATIC_BISECT"
    assert stream["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}
    parameters = templates["streaming"]["Parameters"]
    assert parameters[stream["MaximumRetryAttempts"]["Ref"]]["MinValue"] >= 0  # -1 is for ever
    assert parameters[stream["MaximumRecordAgeInSeconds"]["Ref"]]["MinValue"] > 0


def test_given_up_changes_can_be_redriven_while_the_stream_has_them(templates: Any) -> None:
    age = templates["streaming"]["Parameters"]["PipeMaximumRecordAgeSeconds"]
    assert age["Default"] <= 12 * 3600
    assert age["MaxValue"] <= 24 * 3600


def test_the_changes_of_an_order_stay_in_order(templates: Any) -> None:
    target = templates.resource("OrdersPipe").properties["TargetParameters"]
    assert target["KinesisStreamParameters"]["PartitionKey"] == "$.dynamodb.Keys.orderid.S"


def test_a_batch_of_the_pipe_fits_into_one_request_to_kinesis(templates: Any) -> None:
    assert templates["streaming"]["Parameters"]["PipeBatchSize"]["MaxValue"] == 500


def test_rows_and_errors_lie_apart_in_folders_that_become_partitions(templates: Any) -> None:
    destination = templates.resource("OrdersDelivery").properties[
        "ExtendedS3DestinationConfiguration"
    ]
    day_and_hour = "dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
    assert destination["Prefix"] == f"bronze/orders_changelog/{day_and_hour}"
    assert destination["ErrorOutputPrefix"] == (
        f"errors/orders_changelog/!{{firehose:error-output-type}}/{day_and_hour}"
    )
    assert destination["CompressionFormat"] == "GZIP"


def test_the_transform_is_invoked_with_all_its_settings(templates: Any) -> None:
    assert set(parameters_of_the_transform(templates)) == {
        "LambdaArn",
        "RoleArn",
        "NumberOfRetries",
        "BufferSizeInMBs",
        "BufferIntervalInSeconds",
    }


def test_the_transform_is_done_before_firehose_gives_it_up(templates: Any) -> None:
    assert templates.resource("TransformFunction").properties["Timeout"] <= 300


def test_the_answer_of_the_transform_stays_below_the_payload_limit(templates: Any) -> None:
    assert templates["streaming"]["Parameters"]["TransformBufferSizeMiB"]["MaxValue"] == 3


def test_live_totals_miss_nothing_that_comes_before_their_mapping_reads(templates: Any) -> None:
    mapping = templates.resource("LiveCounting").properties
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


def test_a_poison_change_is_told_of_and_holds_up_no_live_totals(templates: Any) -> None:
    mapping = templates.resource("LiveCounting").properties
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue = {"Fn::GetAtt": ["LiveFailureQueue", "Arn"]}
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": queue}}
    parameters = templates["streaming"]["Parameters"]
    assert parameters[mapping["MaximumRetryAttempts"]["Ref"]]["MinValue"] >= 0  # -1 is for ever
    assert parameters[mapping["MaximumRecordAgeInSeconds"]["Ref"]]["MaxValue"] <= 24 * 3600


def test_live_totals_of_a_shard_are_counted_by_one_invocation_at_a_time(templates: Any) -> None:
    assert templates.resource("LiveCounting").properties["ParallelizationFactor"] == 1


def test_live_totals_have_the_keys_that_the_code_writes_and_are_forgotten(templates: Any) -> None:
    table = templates.resource("LiveTotals").properties
    item = item_of("1", OrderState())
    keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
    assert keys == {"HASH": "series", "RANGE": "point"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert {"series", "point", "expires"} <= item.keys()


def test_functions_log_to_groups_that_forget(templates: Any) -> None:
    for function in templates.resources("AWS::Lambda::Function"):
        group = function.properties["LoggingConfig"]["LogGroup"]["Ref"]
        assert templates.resource(group).properties["RetentionInDays"], function


def test_a_code_key_names_the_content_of_its_function(templates: Any) -> None:
    for function, directory in (
        ("TransformFunction", "transform_orders"),
        ("GenerateFunction", "generate_orders"),
        ("AggregateFunction", "aggregate_orders"),
    ):
        key = templates.resource(function).properties["Code"]["S3Key"]["Ref"]
        pattern = templates["streaming"]["Parameters"][key]["AllowedPattern"]
        assert pattern == rf"lambdas/{directory}/[0-9a-f]{{64}}\.zip"


def test_one_table_is_crawled_whose_partitions_have_its_columns(templates: Any) -> None:
    crawler = templates.resource("ChangelogCrawler").properties
    assert crawler["Targets"] == {
        "S3Targets": [{"Path": {"Fn::Sub": "s3://${LakeBucketName}/bronze/orders_changelog/"}}]
    }
    assert json.loads(crawler["Configuration"]) == {
        "Version": 1.0,
        "CrawlerOutput": {
            "Partitions": {"AddOrUpdateBehavior": "InheritFromTable"},
            "Tables": {"AddOrUpdateBehavior": "MergeNewColumns"},
        },
        "Grouping": {
            "TableGroupingPolicy": "CombineCompatibleSchemas",
            "TableLevelConfiguration": 3,
        },
    }


def test_every_object_is_looked_at_and_a_lost_folder_changes_nothing(templates: Any) -> None:
    crawler = templates.resource("ChangelogCrawler").properties
    assert crawler["RecrawlPolicy"] == {"RecrawlBehavior": "CRAWL_EVERYTHING"}
    assert crawler["SchemaChangePolicy"] == {
        "UpdateBehavior": "UPDATE_IN_DATABASE",
        "DeleteBehavior": "LOG",
    }


def test_nobody_pays_for_crawls_that_were_not_asked_for(templates: Any) -> None:
    assert templates["analytics"]["Parameters"]["CrawlSchedule"]["Default"] == ""


@pytest.mark.parametrize(
    ("group", "parameter", "dollars"),
    [
        ("SalesWorkGroup", "BytesScannedCutoffPerQuery", 0.5),
        ("QuestionsWorkGroup", "QuestionBytesScannedCutoff", 0.1),
    ],
)
def test_a_query_can_cost_so_much_and_no_more(
    templates: Any, group: str, parameter: str, dollars: float
) -> None:
    configuration = templates.resource(group).properties["WorkGroupConfiguration"]
    assert configuration["BytesScannedCutoffPerQuery"] == {"Ref": parameter}
    limit = templates["analytics"]["Parameters"][parameter]
    dollars_per_tebibyte = 5
    assert limit["Default"] / 2**40 * dollars_per_tebibyte <= dollars
    assert limit["MinValue"] == 10_000_000
