"""Custom classifiers: how they are defined, and what they do in a crawl."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from crawled_lake import CRAWLER, Lake
from localaws.errors import AwsError
from localaws.glue.jsonpath import JsonPath
from localaws.server import LocalAws

DOCUMENT = {
    "orders": {"items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}], "total": 3},
    "odd name": [[1], [2]],
}


@pytest.fixture
def lake(local_aws: LocalAws) -> Lake:
    return Lake(local_aws)


def classifier(lake: Lake, path: str, name: str = "rows") -> None:
    lake.glue.create_classifier(JsonClassifier={"Name": name, "JsonPath": path})


@pytest.mark.behaviour("glue", "JSON classifiers are created, updated, listed and deleted.")
def test_the_life_of_a_classifier(lake: Lake) -> None:
    classifier(lake, "$")
    classifier(lake, "$.a", "other")
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        classifier(lake, "$")
    lake.glue.update_classifier(JsonClassifier={"Name": "rows", "JsonPath": "$[*]"})
    found = lake.glue.get_classifier(Name="rows")["Classifier"]["JsonClassifier"]
    assert (found["JsonPath"], found["Version"]) == ("$[*]", 2)
    assert found["LastUpdated"] >= found["CreationTime"]
    listed = lake.glue.get_classifiers()["Classifiers"]
    assert [each["JsonClassifier"]["Name"] for each in listed] == ["rows", "other"]
    page = lake.glue.get_classifiers(MaxResults=1)
    rest = lake.glue.get_classifiers(NextToken=page["NextToken"])
    assert page["Classifiers"] + rest["Classifiers"] == listed

    lake.glue.delete_classifier(Name="rows")
    for call in (lake.glue.get_classifier, lake.glue.delete_classifier):
        with pytest.raises(ClientError, match="EntityNotFoundException"):
            call(Name="rows")
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        lake.glue.update_classifier(JsonClassifier={"Name": "rows", "JsonPath": "$"})


@pytest.mark.behaviour("glue", "Grok, XML and CSV classifiers are refused.")
@pytest.mark.parametrize(
    "params",
    [
        {"GrokClassifier": {"Name": "c", "Classification": "x", "GrokPattern": "%{INT:a}"}},
        {"XMLClassifier": {"Name": "c", "Classification": "x", "RowTag": "row"}},
        {"CsvClassifier": {"Name": "c"}},
        {"JsonClassifier": {"Name": "c", "JsonPath": "orders"}},
        {},
    ],
)
def test_classifiers_that_are_refused(lake: Lake, params: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidInputException"):
        lake.glue.create_classifier(**params)
    assert lake.glue.get_classifiers()["Classifiers"] == []


@pytest.mark.behaviour("glue", "A JsonPath has names, indexes and wildcards: $.a['b'][0][*].*")
@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("$", [DOCUMENT]),
        ("$.orders.total", [3]),
        ("$.orders.items", [DOCUMENT["orders"]["items"]]),
        ("$.orders.items[*]", DOCUMENT["orders"]["items"]),
        ("$['orders']['items'][1].sku", ["b"]),
        ("$.*.items[*].n", [1, 2]),
        ("$['odd name'][*][0]", [1, 2]),
        ("$[*]", []),
        ("$.nothing[*]", []),
        ("$.orders.items[7]", []),
    ],
)
def test_what_a_path_selects(path: str, values: list[Any]) -> None:
    assert list(JsonPath.parse(path).select(DOCUMENT)) == values


@pytest.mark.parametrize(
    "path", ["", "a", "$a", "$..a", "$.a[?(@.b)]", "$[1:2]", "$.", "$[a]", "$.a,$.b"]
)
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(AwsError, match="InvalidInputException"):
        JsonPath.parse(path)


@pytest.mark.behaviour("glue", "A custom classifier comes before the built-in ones.")
def test_a_classifier_finds_the_rows(lake: Lake) -> None:
    lake.put_bytes(
        "bronze/orders/a.json", json.dumps([{"sku": "a"}, {"sku": "b", "n": 1}]).encode()
    )
    classifier(lake, "$[*]")
    lake.crawler(Classifiers=["rows"])
    lake.crawled()
    assert lake.columns() == {"sku": "string", "n": "int"}
    parameters = lake.table()["Parameters"]
    assert parameters["jsonPath"] == "$[*]"
    assert (parameters["classification"], parameters["recordCount"]) == ("json", "2")


@pytest.mark.behaviour(
    "glue", "The first classifier that recognises an object is used; if none does, a built-in one."
)
def test_classifiers_are_tried_in_their_order(lake: Lake) -> None:
    lake.put("bronze/orders/a.json", DOCUMENT)
    lake.put("bronze/other/a.json", {"x": 1})
    classifier(lake, "$.missing", "missing")
    classifier(lake, "$.orders.items[*]", "items")
    classifier(lake, "$.orders", "orders")
    lake.crawler("", Classifiers=["missing", "items", "orders"])
    lake.crawled()
    assert lake.columns() == {"sku": "string", "n": "int"}
    assert lake.columns("other") == {"x": "int"}


@pytest.mark.behaviour("glue", "Changing a classifier doesn't reclassify what was crawled.")
def test_a_changed_classifier_is_for_new_data(lake: Lake) -> None:
    lake.put("bronze/orders/a.json", {"rows": [{"sku": "a"}]})
    classifier(lake, "$.rows[*]")
    lake.crawler(Classifiers=["rows"])
    lake.crawled()
    lake.glue.update_classifier(JsonClassifier={"Name": "rows", "JsonPath": "$"})
    lake.crawled()
    assert lake.columns() == {"sku": "string"}

    lake.crawler(name="anew", Classifiers=["rows"])
    lake.crawled("anew")
    assert lake.columns() == {"rows": "array<struct<sku:string>>"}
    assert lake.glue.get_crawler(Name=CRAWLER)["Crawler"]["Classifiers"] == ["rows"]
