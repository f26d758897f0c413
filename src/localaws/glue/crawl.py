"""One crawl: from the objects of the targets to the tables of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from botocore.exceptions import ClientError

from localaws.glue.catalogue import Catalogue, Changes
from localaws.glue.definition import Settings
from localaws.glue.formats import Classifier, Inspection, inspect
from localaws.glue.grouping import Found, Note, Table, tables
from localaws.glue.memory import Memory
from localaws.glue.objects import S3Content, S3Object, Target, listed
from localaws.glue.storage import Author
from localaws.service import Aws


class CrawlFailed(Exception):
    """A crawl that can't go on; the message is the crawl's ErrorMessage."""


class CrawlStopped(Exception):
    """Somebody stopped the crawl; nothing was written."""


@dataclass(frozen=True)
class Crawl:
    """A crawl that is about to run.

    Args:
        classifiers: the crawler's custom classifiers, in their order.
        memory: what the crawler knows of objects; it learns from this crawl.
        note: is told what happens, for the log.
        is_stopped: asked before every object and before anything is written.
    """

    aws: Aws
    author: Author
    settings: Settings
    classifiers: Sequence[Classifier]
    memory: Memory
    note: Note
    is_stopped: Callable[[], bool]

    def run(self, now: datetime) -> Changes:
        """Crawl all targets.

        Raises:
            CrawlFailed: the role, the database or a bucket isn't there, or there are too many
                tables.
            CrawlStopped: by ``is_stopped``.
        """
        self._check_role()
        self._check_database()
        is_recrawl = self.settings.new_folders_only and bool(self.memory.folders())
        known_folders = self.memory.folders() if is_recrawl else set()
        crawled: list[S3Object] = []
        found: list[Table] = []
        for target in self.settings.targets:
            objects = list(self._inspected(target, known_folders))
            crawled += [member.item for member in objects]
            found += tables(target.folder, objects, self.settings.grouping, self.note)
        self._check_stopped()
        most = self.settings.most_tables
        if most is not None and len(found) > most:
            raise CrawlFailed(
                f"The number of tables detected by crawler: {len(found)} is greater than the table "
                f"threshold value provided: {most}. No tables were created. Failing the crawler."
            )
        self.memory.keep_only(crawled)
        catalogue = Catalogue(
            self.aws.client("glue"),
            self.settings.database,
            replace(self.settings.policy, new_tables=not is_recrawl),
            self.author,
            now,
            self.note,
        )
        folders = [f"s3://{'/'.join(target.folder)}/" for target in self.settings.targets]
        return catalogue.write(self.settings.prefix, found, folders)

    def _inspected(self, target: Target, known_folders: set[str]) -> Iterator[Found]:
        """The objects of a target, those that were looked at before as they were then.

        Args:
            known_folders: only objects in other folders are looked at, if there are any.
        """
        folder, read, last = None, 0, None
        for item in self._listed(target):
            if item.folder != folder:
                folder, read, last = item.folder, 0, None
            if "/".join(item.folder) in known_folders:
                inspection = self.memory.recall(item, changed=True)
            elif target.sample_size is not None and read >= target.sample_size and last:
                inspection = _like(last, item)
            else:
                inspection = self.memory.recall(item) or self._inspect(item)
                read, last = read + 1, Found(item, inspection)
            if inspection is not None:
                yield Found(item, inspection)

    def _listed(self, target: Target) -> Iterator[S3Object]:
        try:
            yield from listed(self.aws.client("s3"), target)
        except ClientError as error:
            raise CrawlFailed(
                f"{error.response['Error']['Message']} (Service: Amazon S3; Error Code: "
                f"{error.response['Error']['Code']}; Bucket: {target.bucket})"
            ) from error

    def _inspect(self, item: S3Object) -> Inspection:
        self._check_stopped()
        content = S3Content(self.aws.client("s3"), item)
        return self.memory.remember(item, inspect(content, self.classifiers))

    def _check_stopped(self) -> None:
        if self.is_stopped():
            raise CrawlStopped

    def _check_role(self) -> None:
        unable = "Service is unable to assume provided role. Please verify role's TrustPolicy"
        name = self.settings.role.rpartition("/")[2]
        try:
            role = self.aws.client("iam").get_role(RoleName=name)["Role"]
        except ClientError as error:
            raise CrawlFailed(f"{unable}: {error.response['Error']['Message']}") from error
        statements = role["AssumeRolePolicyDocument"].get("Statement", [])
        for statement in statements if isinstance(statements, list) else [statements]:
            principal = statement.get("Principal", {})
            services = principal.get("Service", []) if isinstance(principal, dict) else principal
            trusted = [services] if isinstance(services, str) else services
            if statement.get("Effect") == "Allow" and {"glue.amazonaws.com", "*"} & set(trusted):
                return
        raise CrawlFailed(f"{unable}: {name} doesn't trust glue.amazonaws.com")

    def _check_database(self) -> None:
        try:
            self.aws.client("glue").get_database(Name=self.settings.database)
        except ClientError as error:
            raise CrawlFailed(
                f"Database {self.settings.database}: {error.response['Error']['Message']}"
            ) from error


def _like(sampled: Found, item: S3Object) -> Inspection:
    """An object that isn't in the sample is taken to be like the last one of its folder."""
    records = round(sampled.inspection.records * item.size / sampled.item.size)
    return replace(sampled.inspection, records=records)
