"""The API of Glue's crawlers, and the clock that moves them.

https://docs.aws.amazon.com/glue/latest/webapi/API_Crawler.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar, Final

from botocore.exceptions import BotoCoreError, ClientError

from localaws.errors import AwsError, Unsupported
from localaws.glue import schedule
from localaws.glue.classifiers import Classifiers
from localaws.glue.crawl import Crawl, CrawlFailed, CrawlStopped
from localaws.glue.crawler import Crawler
from localaws.glue.definition import NEW_FOLDERS_ONLY, normalised, settings
from localaws.glue.history import Run, filtered, metrics
from localaws.glue.log import CrawlLog
from localaws.glue.paging import page
from localaws.glue.resources import ClassifierType, CrawlerType
from localaws.glue.storage import Author
from localaws.glue.tags import CrawlerTags
from localaws.service import Aws, Operation, Params, ResourceType, Service

NOT_EMULATED: Final[tuple[str, ...]] = (
    "Targets other than S3 are refused.",
    "Grok, XML and CSV classifiers are refused; custom classifiers are JSON classifiers.",
    "Formats other than JSON, CSV and Parquet, and compression other than gzip, are UNKNOWN.",
    "The role is looked up and must trust Glue, but its policies aren't evaluated.",
    "Whether a role can be assumed is found out when the crawler runs, not when it is created.",
    "RecrawlBehavior CRAWL_EVENT_MODE is refused.",
    "Security configurations, lineage and Lake Formation credentials are refused.",
    "Crawlers make no partition indexes.",
    "Schedules with L, W or # are refused.",
    "A crawl takes as long as it takes; DPUHour is that time on two data processing units.",
    "TagResource doesn't notice that a crawler isn't there.",
)

_DEFAULT_CRAWLS: Final = 20


class Glue(Service):
    """Glue's crawlers and classifiers; all else of Glue is MiniStack's."""

    name: ClassVar[str] = "glue"
    error_codes: ClassVar[Mapping[str, str]] = {"ValidationException": "InvalidInputException"}
    passes_on: ClassVar[bool] = True

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        self._crawlers: dict[str, Crawler] = {}
        self.classifiers = Classifiers(self.lock)
        self._tags = CrawlerTags(aws)

    def operations(self) -> Mapping[str, Operation]:
        """Those of crawlers, their schedules and history, and of classifiers."""
        return {
            "CreateCrawler": self._create_crawler,
            "UpdateCrawler": self._update_crawler,
            "DeleteCrawler": self._delete_crawler,
            "GetCrawler": self._get_crawler,
            "GetCrawlers": self._get_crawlers,
            "ListCrawlers": self._list_crawlers,
            "BatchGetCrawlers": self._batch_get_crawlers,
            "StartCrawler": self._start_crawler,
            "StopCrawler": self._stop_crawler,
            "GetCrawlerMetrics": self._get_crawler_metrics,
            "ListCrawls": self._list_crawls,
            "StartCrawlerSchedule": self._start_schedule,
            "StopCrawlerSchedule": self._stop_schedule,
            "UpdateCrawlerSchedule": self._update_schedule,
            **self.classifiers.operations(),
        }

    def resource_types(self) -> list[ResourceType]:
        """AWS::Glue::Crawler and AWS::Glue::Classifier."""
        return [CrawlerType(self), ClassifierType(self.classifiers)]

    # What CloudFormation does too: these run on the event loop and call no other service.

    def create(self, params: Params) -> None:
        """Create a crawler.

        Raises:
            AwsError: AlreadyExistsException, InvalidInputException.
        """
        definition = self._normalised(params)
        now = datetime.now(UTC)
        with self.lock:
            if definition["Name"] in self._crawlers:
                raise AwsError(
                    "AlreadyExistsException",
                    f"Crawler with name {definition['Name']} already exists",
                )
            crawler = Crawler(definition, now, now)
            crawler.schedule(definition.get("Schedule"))
            self._crawlers[crawler.name] = crawler
            self._tags.set(crawler.name, definition.get("Tags", {}))
        self.wake.set()

    def replace(self, params: Params) -> None:
        """Give an existing crawler a whole new definition.

        Raises:
            AwsError: EntityNotFoundException, CrawlerRunningException, InvalidInputException.
        """
        definition = self._normalised(params)
        with self.lock:
            crawler = self._named(definition["Name"])
            crawler.check_ready()
            before = crawler.definition
            if (
                before["RecrawlPolicy"]["RecrawlBehavior"] == NEW_FOLDERS_ONLY
                and definition["RecrawlPolicy"]["RecrawlBehavior"] == NEW_FOLDERS_ONLY
                and before["Targets"] != definition["Targets"]
            ):
                raise AwsError(
                    "InvalidInputException",
                    "Amazon S3 target is immutable when Crawl new folders only is selected",
                )
            crawler.definition = definition
            if before.get("Schedule") != definition.get("Schedule"):
                crawler.schedule(definition.get("Schedule"))
            crawler.version += 1
            crawler.updated = datetime.now(UTC)
            if before.get("Tags") != definition.get("Tags"):
                self._tags.set(crawler.name, definition.get("Tags", {}))
        self.wake.set()

    def delete(self, name: str) -> None:
        """Delete a crawler, its history and its memory; its tables stay.

        Raises:
            AwsError: EntityNotFoundException, CrawlerRunningException.
        """
        with self.lock:
            self._named(name).check_ready()
            del self._crawlers[name]
            self._tags.set(name, {})
        self.wake.set()

    def _normalised(self, params: Params) -> Params:
        definition = normalised(params)
        if definition.get("CatalogId", self.aws.account) != self.aws.account:
            raise Unsupported("the catalogue of another account", "InvalidInputException")
        try:
            self.classifiers.named(definition["Classifiers"])
        except AwsError as error:
            raise AwsError("InvalidInputException", error.message) from error
        return definition

    def _named(self, name: str) -> Crawler:
        crawler = self._crawlers.get(name)
        if crawler is None:
            raise AwsError("EntityNotFoundException", f"Crawler with name {name} does not exist")
        return crawler

    # The API

    def _create_crawler(self, params: Params) -> Params:
        self.create(params)
        self._tags.flush()
        return {}

    def _update_crawler(self, params: Params) -> Params:
        with self.lock:
            self.replace({**self._named(params["Name"]).definition, **params})
        return {}

    def _delete_crawler(self, params: Params) -> Params:
        self.delete(params["Name"])
        self._tags.flush()
        return {}

    def _get_crawler(self, params: Params) -> Params:
        with self.lock:
            return {"Crawler": self._named(params["Name"]).describe()}

    def _get_crawlers(self, params: Params) -> Params:
        with self.lock:
            crawlers, more = page(list(self._crawlers.values()), params)
            return {"Crawlers": [crawler.describe() for crawler in crawlers], **more}

    def _list_crawlers(self, params: Params) -> Params:
        with self.lock:
            names = list(self._crawlers)
        if params.get("Tags"):
            names = [name for name in names if self._tags.has(name, params["Tags"])]
        names, more = page(names, params)
        return {"CrawlerNames": names, **more}

    def _batch_get_crawlers(self, params: Params) -> Params:
        names = params["CrawlerNames"]
        with self.lock:
            found = [self._crawlers[name].describe() for name in names if name in self._crawlers]
            missing = [name for name in names if name not in self._crawlers]
        return {"Crawlers": found, "CrawlersNotFound": missing}

    def _start_crawler(self, params: Params) -> Params:
        with self.lock:
            self._named(params["Name"]).start()
        self.wake.set()
        return {}

    def _stop_crawler(self, params: Params) -> Params:
        with self.lock:
            self._named(params["Name"]).stop()
        self.wake.set()
        return {}

    def _get_crawler_metrics(self, params: Params) -> Params:
        with self.lock:
            names = params.get("CrawlerNameList") or list(self._crawlers)
            crawlers = [self._crawlers[name] for name in names if name in self._crawlers]
            some, more = page(crawlers, params)
            entries = [
                metrics(crawler.name, crawler.runs, is_running=crawler.state != "READY")
                for crawler in some
            ]
        return {"CrawlerMetricsList": entries, **more}

    def _list_crawls(self, params: Params) -> Params:
        with self.lock:
            crawler = self._named(params["CrawlerName"])
            runs = [*crawler.runs, crawler.run] if crawler.run else crawler.runs
            entries = filtered(runs, params.get("Filters", ()))
        crawls, more = page(entries, params, _DEFAULT_CRAWLS)
        return {"Crawls": crawls, **more}

    def _start_schedule(self, params: Params) -> Params:
        with self.lock:
            crawler = self._named(params["CrawlerName"])
            if not crawler.definition.get("Schedule"):
                raise AwsError("NoScheduleException", f"Crawler {crawler.name} has no schedule")
            if crawler.is_scheduled:
                raise AwsError(
                    "SchedulerRunningException", f"The schedule of {crawler.name} is in force"
                )
            crawler.schedule(crawler.definition["Schedule"])
        return {}

    def _stop_schedule(self, params: Params) -> Params:
        with self.lock:
            crawler = self._named(params["CrawlerName"])
            if not crawler.is_scheduled:
                raise AwsError(
                    "SchedulerNotRunningException", f"No schedule of {crawler.name} is in force"
                )
            crawler.is_scheduled = False
        return {}

    def _update_schedule(self, params: Params) -> Params:
        with self.lock:
            crawler = self._named(params["CrawlerName"])
            if params.get("Schedule"):
                schedule.check(params["Schedule"])
            crawler.schedule(params.get("Schedule"))
        return {}

    # The clock

    def step(self, now: datetime) -> bool:
        """Start what is scheduled, crawl what was started, and let rest what has crawled.

        A run is RUNNING until a step has crawled, and STOPPING until the next one.
        """
        with self.lock:
            ending = [crawler for crawler in self._crawlers.values() if crawler.state == "STOPPING"]
            for crawler in self._crawlers.values():
                crawler.start_if_due(now)
            # What is started from now on has to wait for a step whose time isn't before it.
            running = [crawler for crawler in self._crawlers.values() if crawler.state == "RUNNING"]
        self._tags.flush()
        for crawler in ending:
            with self.lock:
                if crawler.run and crawler.is_stopped:
                    crawler.run.state = "STOPPED"
                crawler.end(now)
        for crawler in running:
            self._crawl(crawler, now)
        return bool(running)

    def _crawl(self, crawler: Crawler, now: datetime) -> None:
        """Crawl. The lock isn't held meanwhile: the crawl calls services that may wait for it."""
        with self.lock:
            run = crawler.run
            if run is None or crawler.state != "RUNNING":
                return
            run.start = now
            definition = settings(crawler.definition)
        crawl_log = CrawlLog(self.aws, crawler.name, run.id)
        try:
            classifiers = self.classifiers.named(definition.classifiers)
            crawl = Crawl(
                self.aws,
                Author(crawler.name, run.id),
                definition,
                classifiers,
                crawler.memory,
                crawl_log.add,
                lambda: crawler.is_stopped,
            )
            run.changes = crawl.run(now)
            state, message = "COMPLETED", None
        except CrawlStopped:
            state, message = "STOPPED", None
        except (AwsError, BotoCoreError, ClientError, CrawlFailed) as error:
            state, message = "FAILED", str(error)
        except Exception:
            self._crawled(crawler, run, "FAILED", "Internal Service Exception")
            raise
        try:
            crawl_log.send(now, state, message)
        finally:
            self._crawled(crawler, run, state, message)

    def _crawled(self, crawler: Crawler, run: Run, state: str, message: str | None) -> None:
        with self.lock:
            run.state, run.error = state, message
            # A run that was stopped too late to notice has done all that it would have done.
            crawler.state, crawler.is_stopped = "STOPPING", False

    def snapshot(self) -> Params:
        """Crawlers with their history and what they remember, and classifiers."""
        with self.lock:
            return {
                "crawlers": [crawler.snapshot() for crawler in self._crawlers.values()],
                "classifiers": self.classifiers.snapshot(),
            }

    def restore(self, state: Params) -> None:
        """Take up the state that ``snapshot`` gave."""
        with self.lock:
            crawlers = [Crawler.restored(each) for each in state["crawlers"]]
            self._crawlers = {crawler.name: crawler for crawler in crawlers}
            self.classifiers.restore(state["classifiers"])

    def reset(self) -> None:
        """Forget crawlers, classifiers and history."""
        self.restore({"crawlers": [], "classifiers": {}})
        self._tags = CrawlerTags(self.aws)
