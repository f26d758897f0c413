"""The API of custom classifiers. What one does with an object is in `formats`.

https://docs.aws.amazon.com/glue/latest/dg/custom-classifier.html
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from localaws.errors import AwsError, Unsupported
from localaws.glue.formats import Classifier
from localaws.glue.jsonpath import JsonPath
from localaws.glue.paging import page
from localaws.service import Operation, Params

_INVALID = "InvalidInputException"
_JSON = "JsonClassifier"
_TIMES = ("CreationTime", "LastUpdated")


class Classifiers:
    """The classifiers of the account, by name.

    Args:
        lock: guards them; it is the service's.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._classifiers: dict[str, Params] = {}

    def operations(self) -> Mapping[str, Operation]:
        """Their API operations."""
        return {
            "CreateClassifier": self.create,
            "UpdateClassifier": self.update,
            "DeleteClassifier": self.delete,
            "GetClassifier": self.get,
            "GetClassifiers": self.get_all,
        }

    def create(self, params: Params) -> Params:
        """CreateClassifier."""
        wanted = _json_classifier(params)
        JsonPath.parse(wanted["JsonPath"])
        now = datetime.now(UTC)
        with self._lock:
            if wanted["Name"] in self._classifiers:
                raise AwsError(
                    "AlreadyExistsException", f"Classifier {wanted['Name']} already exists"
                )
            self._classifiers[wanted["Name"]] = {
                **wanted,
                "CreationTime": now,
                "LastUpdated": now,
                "Version": 1,
            }
        return {}

    def update(self, params: Params) -> Params:
        """UpdateClassifier. What was crawled already is not classified anew."""
        wanted = _json_classifier(params)
        with self._lock:
            classifier = self._named(wanted["Name"])
            path = str(wanted.get("JsonPath") or classifier["JsonPath"])
            JsonPath.parse(path)
            classifier.update(
                JsonPath=path, LastUpdated=datetime.now(UTC), Version=classifier["Version"] + 1
            )
        return {}

    def delete(self, params: Params) -> Params:
        """DeleteClassifier; a crawler that names it fails when it crawls."""
        with self._lock:
            self._named(params["Name"])
            del self._classifiers[params["Name"]]
        return {}

    def get(self, params: Params) -> Params:
        """GetClassifier."""
        with self._lock:
            return {"Classifier": {_JSON: dict(self._named(params["Name"]))}}

    def get_all(self, params: Params) -> Params:
        """GetClassifiers."""
        with self._lock:
            classifiers, more = page(list(self._classifiers.values()), params)
            return {"Classifiers": [{_JSON: dict(each)} for each in classifiers], **more}

    def named(self, names: Sequence[str]) -> list[Classifier]:
        """The classifiers of a crawler, in its order.

        Raises:
            AwsError: EntityNotFoundException.
        """
        with self._lock:
            return [Classifier(name, self._named(name)["JsonPath"]) for name in names]

    def _named(self, name: str) -> Params:
        classifier = self._classifiers.get(name)
        if classifier is None:
            raise AwsError("EntityNotFoundException", f"Classifier {name} not found")
        return classifier

    def snapshot(self) -> Params:
        """As JSON types."""
        with self._lock:
            return {
                name: {**each, **{time: each[time].isoformat() for time in _TIMES}}
                for name, each in self._classifiers.items()
            }

    def restore(self, state: Params) -> None:
        """Take up what ``snapshot`` gave."""
        with self._lock:
            self._classifiers = {
                name: {**each, **{time: datetime.fromisoformat(each[time]) for time in _TIMES}}
                for name, each in state.items()
            }


def _json_classifier(params: Params) -> Params:
    for kind in params:
        if kind != _JSON:
            raise Unsupported(f"a {kind}: custom classifiers are JSON classifiers", _INVALID)
    if _JSON not in params:
        raise AwsError(_INVALID, "a classifier is given as a JsonClassifier")
    classifier: Params = params[_JSON]
    return classifier
