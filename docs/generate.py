"""Writes the pages that are derived from the code; with ``--check`` says which are stale.

python docs/generate.py [--check]
"""

from __future__ import annotations

import ast
import difflib
import importlib
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

SERVICES = {
    "server": "The server",
    "lambda": "Lambda",
    "streams": "Streams, as our movers read them",
    "pipes": "EventBridge Pipes",
    "firehose": "Firehose",
    "glue": "Glue crawlers and classifiers",
    "athena": "Athena",
}
NOT_EMULATED = {
    "server": ["localaws.registry"],
    "lambda": ["localaws.event_sources.service"],
    "pipes": ["localaws.pipes.service"],
    "firehose": ["localaws.firehose.service"],
    "glue": ["localaws.glue.service"],
    "athena": ["localaws.athena.service", "localaws.athena.engine"],
}


def local_aws() -> str:
    """docs/local-aws.md: each behaviour with the test that pins it, and what is missing."""
    behaviours: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for service, sentence, test in _behaviours(path):
            link = f"[`{test}`](../{path.relative_to(ROOT)})"
            behaviours[service].append(f"- {sentence.rstrip('.')}. {link}")
    if unknown := behaviours.keys() - SERVICES.keys():
        raise SystemExit(f"behaviours of an unknown service: {', '.join(sorted(unknown))}")
    lines = [
        "# The local AWS",
        "",
        "<!-- Written by docs/generate.py. -->",
        "",
        "`salesflow aws` serves an AWS in one process: MiniStack for S3, DynamoDB and its streams,",
        "Kinesis, Lambda, SQS, IAM, CloudWatch, the Glue catalogue and CloudFormation; and, in its",
        "place, our own pipes, event source mappings, delivery streams, crawlers and Athena, which",
        "do what AWS documents, failures included. Each line below is pinned by the test that is",
        "named with it. What is not emulated is refused with AWS's error shape, or listed here.",
    ]
    for service, title in SERVICES.items():
        lines += ["", f"## {title}", "", *behaviours[service]]
        missing = [
            sentence
            for module in NOT_EMULATED.get(service, [])
            for sentence in importlib.import_module(module).NOT_EMULATED
        ]
        if missing:
            lines += ["", "Not emulated:", "", *(f"- {s.rstrip('.')}." for s in missing)]
    return "\n".join(lines) + "\n"


def _behaviours(path: Path) -> Iterator[tuple[str, str, str]]:
    """The ``behaviour`` marks of a test file: service, sentence, test."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(
                "mark.behaviour"
            ):
                service, sentence = (ast.literal_eval(argument) for argument in decorator.args)
                yield service, sentence, node.name


def dags() -> str:
    """docs/dags.md: every DAG with its schedule, params, tasks and assets."""
    for name in [name for name in os.environ if name.startswith("SALESFLOW_")]:
        del os.environ[name]  # the defaults of the params are those of an empty environment
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        }
        sys.path.insert(0, str(ROOT / "plugins"))
        from airflow.dag_processing.dagbag import BundleDagBag

        bag = BundleDagBag(
            dag_folder=str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="dags"
        )
    if bag.import_errors:
        raise SystemExit(f"DAGs with import errors: {bag.import_errors}")
    lines = ["# The DAGs", "", "<!-- Written by docs/generate.py. -->"]
    for dag_id, dag in sorted(bag.dags.items()):
        _, _, text = (dag.doc_md or "").strip().partition("\n")  # without its own heading
        lines += ["", f"## {dag_id}", "", text.strip(), ""]
        if dag.params:
            lines += ["| param | default | |", "|---|---|---|"]
            for name in dag.params:
                param = dag.params.get_param(name)
                default = "" if param.value is None else f"`{param.value}`"
                lines.append(f"| `{name}` | {default} | {param.description or ''} |")
            lines.append("")
        tasks = " → ".join(f"`{task.task_id}`" for task in dag.topological_sort())
        lines.append(f"Tasks: {tasks}")
    return "\n".join(lines) + "\n"


def cli() -> str:
    """docs/cli.md: the help of every command."""
    import typer
    from typer.main import get_command

    from salesflow.cli.app import app

    group = get_command(app)
    context = typer.Context(group, info_name="salesflow")
    lines = ["# The command line", "", "<!-- Written by docs/generate.py. -->"]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        lines += ["", f"## salesflow {name}", "", (command.help or "").strip(), ""]
        lines += ["| | |", "|---|---|"]
        for parameter in command.params:
            names = ", ".join(f"`{option}`" for option in parameter.opts)
            if parameter.param_type_name == "argument":
                names = f"`{str(parameter.name).upper()}`"
            lines.append(f"| {names} | {getattr(parameter, 'help', '') or ''} |")
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {"local-aws.md": local_aws, "dags.md": dags, "cli.md": cli}


def main() -> None:
    """Write the pages, or say which are stale."""
    stale = False
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale = True
            old = path.read_text().splitlines() if path.exists() else []
            diff = difflib.unified_diff(old, text.splitlines(), name, "generated", lineterm="", n=0)
            print(f"docs/{name} is stale: run `make docs`", *list(diff)[:12], sep="\n  ")
    sys.exit(stale)


if __name__ == "__main__":
    main()
