"""What the translation of a query's parts shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from localaws.athena.failures import QueryFailed
from localaws.athena.inference import Inference


@dataclass(frozen=True)
class Context:
    """A translation under way.

    Attributes:
        types: infers the types of what is translated already.
        now: the time of the query, in UTC.
    """

    types: Inference
    now: datetime
    _translate: Callable[[exp.Expr, Context], None]

    def bind_lambda(self, function: exp.Lambda, kinds: Sequence[str]) -> None:
        """Translate the body of a lambda, whose parameters have these types."""
        if len(function.expressions) != len(kinds):
            raise QueryFailed(
                f"TYPE_MISMATCH: Unexpected parameters: a lambda of {len(kinds)} is needed"
            )
        for parameter, kind in zip(function.expressions, kinds, strict=True):
            for node in function.this.find_all(exp.Identifier):
                if node.name == parameter.name and not isinstance(node.parent, exp.Column):
                    self.types.note(node, kind)
        self._translate(function, self)

    def type_of(self, node: exp.Expr) -> str:
        """The DuckDB type of a node whose children are translated."""
        return self.types.of(node)
