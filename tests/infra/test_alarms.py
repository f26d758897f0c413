"""Each way in which changes are lost, come late or pile up has its alarm, on a metric that exists.

Metrics, dimensions: the monitoring pages of the services' documentation.
"""

from __future__ import annotations

from typing import Any

PIPE = "AWS/EventBridge/Pipes"
METRICS = {
    ("AWS/Lambda", "Errors", "FunctionName"): "Sum",
    ("AWS/Lambda", "Throttles", "FunctionName"): "Sum",
    ("AWS/Lambda", "IteratorAge", "FunctionName"): "Maximum",
    (PIPE, "ExecutionFailed", "PipeName"): "Sum",
    (PIPE, "ExecutionPartiallyFailed", "PipeName"): "Sum",
    (PIPE, "ExecutionThrottled", "PipeName"): "Sum",
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"): "Maximum",
    ("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "StreamName"): "Maximum",
    ("AWS/Firehose", "KinesisMillisBehindLatest", "DeliveryStreamName"): "Maximum",
    ("AWS/Firehose", "ThrottledGetRecords", "DeliveryStreamName"): "Sum",
    ("AWS/Firehose", "ThrottledRecords", "DeliveryStreamName"): "Sum",
    ("AWS/Firehose", "ExecuteProcessing.Success", "DeliveryStreamName"): "Average",
    ("AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName"): "Maximum",
    ("AWS/Firehose", "DeliveryToS3.Success", "DeliveryStreamName"): "Average",
}
SUCCESS_RATES = ("ExecuteProcessing.Success", "DeliveryToS3.Success")


def alarms(templates: Any) -> list[Any]:
    return list(templates.resources("AWS::CloudWatch::Alarm"))


def key(alarm: Any) -> tuple[str, str, str]:
    (dimension,) = alarm.properties["Dimensions"]
    return alarm.properties["Namespace"], alarm.properties["MetricName"], dimension["Name"]


def test_alarms_watch_every_metric_that_tells_of_trouble(templates: Any) -> None:
    assert {key(alarm): alarm.properties["Statistic"] for alarm in alarms(templates)} == METRICS


def test_all_functions_are_watched(templates: Any) -> None:
    watched = [
        alarm.properties["Dimensions"][0]["Value"]["Ref"]
        for alarm in alarms(templates)
        if alarm.properties["MetricName"] == "Errors"
    ]
    assert watched == ["GenerateFunctionName", "TransformFunctionName", "AggregateFunctionName"]


def test_both_queues_of_what_was_given_up_are_watched(templates: Any) -> None:
    watched = [
        alarm.properties["Dimensions"][0]["Value"]["Ref"]
        for alarm in alarms(templates)
        if alarm.properties["Namespace"] == "AWS/SQS"
    ]
    assert watched == ["DeadLetterQueueName", "LiveFailureQueueName"]


def test_alarms_rise_on_the_bad_side(templates: Any) -> None:
    for alarm in alarms(templates):
        falls = alarm.properties["MetricName"] in SUCCESS_RATES
        expected = "LessThanThreshold" if falls else "GreaterThanThreshold"
        assert alarm.properties["ComparisonOperator"] == expected, alarm


def test_silence_is_no_alarm(templates: Any) -> None:
    for alarm in alarms(templates):
        assert alarm.properties["TreatMissingData"] == "notBreaching", alarm


def test_alarms_say_what_they_mean(templates: Any) -> None:
    descriptions = [alarm.properties["AlarmDescription"] for alarm in alarms(templates)]
    assert all(len(description) > 20 for description in descriptions)
    assert len(set(descriptions)) == len(descriptions)


def test_nobody_is_mailed_unless_an_address_is_given(templates: Any) -> None:
    monitoring = templates["monitoring"]
    assert monitoring["Parameters"]["AlarmEmail"]["Default"] == ""
    assert templates.resource("AlarmTopic").definition["Condition"] == "Notified"
    for alarm in alarms(templates):
        assert alarm.properties["AlarmActions"] == {
            "Fn::If": ["Notified", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]
        }, alarm


def test_rows_count_as_late_only_after_the_buffers_had_their_time(templates: Any) -> None:
    freshness = templates["monitoring"]["Parameters"]["FreshnessSeconds"]["Default"]
    buffers = ("BufferIntervalSeconds", "TransformBufferIntervalSeconds")
    parameters = templates["streaming"]["Parameters"]
    assert freshness > 2 * sum(parameters[name]["Default"] for name in buffers)
