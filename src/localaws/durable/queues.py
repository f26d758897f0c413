"""SQS: messages one by one, with who has received them and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from localaws.durable.directory import Changes, DataDirectory
from localaws.durable.rows import Mirror
from localaws.durable.scoped import Scope, decode, encode, scope_of, scope_text

_MESSAGES: Final = "sqs/messages/"
_QUEUES: Final = "queues"
#: What of a message changes after it was sent.
_CHANGING: Final = ("receipt_handle", "visible_at", "receive_count", "first_receive_at")


class Queues:
    """What is written of SQS.

    Args:
        stores: MiniStack's own dictionaries by name, each keyed by account, region and name.
    """

    def __init__(self, stores: Mapping[str, dict[Scope, Any]]) -> None:
        self._stores = stores
        self._definitions = {name: Mirror(f"sqs/{name}") for name in stores}
        #: By queue and message, what has changed of it since it was sent.
        self._messages: dict[str, dict[str, tuple[object, ...]]] = {}

    def collect(self, changes: Changes, *, definitions: bool) -> None:
        """Add what isn't written yet.

        Args:
            definitions: whether there was a request to SQS; if not, only the number of messages
                is looked at, which is what other services change.
        """
        queues = {scope_text(scope): queue for scope, queue in self._stores[_QUEUES].items()}
        counts = {key: len(queue["messages"]) for key, queue in queues.items()}
        if not definitions and counts == {k: len(seen) for k, seen in self._messages.items()}:
            return
        for name, mirror in self._definitions.items():
            entries = self._stores[name]
            if name == _QUEUES:
                entries = {scope: _without_messages(queue) for scope, queue in entries.items()}
            mirror.update({scope_text(s): encode(entry) for s, entry in entries.items()}, changes)
        for gone in self._messages.keys() - queues.keys():
            changes.drop(_MESSAGES + gone)
            del self._messages[gone]
        for key, queue in queues.items():
            self._collect_messages(key, queue["messages"], changes)

    def _collect_messages(self, key: str, messages: list[Any], changes: Changes) -> None:
        before, now = self._messages.get(key, {}), {}
        for message in messages:
            state = tuple(message.get(name) for name in _CHANGING)
            if before.get(message["id"]) != state:
                changes.put(_MESSAGES + key, message["id"], encode(message))
            now[message["id"]] = state
        for gone in before.keys() - now.keys():
            changes.delete(_MESSAGES + key, gone)
        self._messages[key] = now

    def load(self, directory: DataDirectory) -> None:
        """Fill MiniStack's dictionaries with what is in the directory."""
        for name, mirror in self._definitions.items():
            for key, value in directory.rows(mirror.store):
                mirror.loaded(key, value)
                self._stores[name][scope_of(key)] = decode(value)
        for scope, queue in self._stores[_QUEUES].items():
            key = scope_text(scope)
            messages = [decode(value) for _, value in directory.rows(_MESSAGES + key)]
            queue["messages"] = sorted(messages, key=lambda m: (m.get("seq") or "", m["sent_at"]))
            self._messages[key] = {
                message["id"]: tuple(message.get(name) for name in _CHANGING)
                for message in messages
            }


def _without_messages(queue: Mapping[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in queue.items() if k != "messages"}, "messages": []}
