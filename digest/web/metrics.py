"""What Prometheus is told: requests counted and timed, and what there is; the only prometheus_client."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from digest.errors import StoreError
from digest.store.overview import Figures
from digest.web.caching import Cache

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Counts of one application; *figures* tells what there is whenever it is asked."""

    def __init__(self, cache: Cache, figures: Callable[[], Figures]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "cvdigest_http_requests", "Requests that were answered.", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "cvdigest_http_request_seconds", "How long it took to make an answer.", ("route",), buckets=_SECONDS, registry=self._registry
        )
        self._registry.register(_Standing(cache, figures))

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self._registry)


class _Standing(Collector):
    """What there is, asked for when Prometheus asks."""

    def __init__(self, cache: Cache, figures: Callable[[], Figures]) -> None:
        self._cache = cache
        self._figures = figures

    def describe(self) -> list[Metric]:
        """Say nothing beforehand: nobody is asked when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what there is; without a database, only that it does not answer."""
        yield CounterMetricFamily("cvdigest_cache_hits", "Bodies that were ready.", self._cache.hits)
        yield CounterMetricFamily("cvdigest_cache_misses", "Bodies that had to be made.", self._cache.misses)
        yield GaugeMetricFamily("cvdigest_cache_bytes", "Memory of the bodies that are ready.", self._cache.size)
        try:
            found = self._figures()
        except StoreError:
            yield GaugeMetricFamily("cvdigest_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("cvdigest_database_up", "Whether the database answers.", 1)
        yield GaugeMetricFamily("cvdigest_editions", "Editions that are published.", found.editions)
        yield GaugeMetricFamily("cvdigest_papers", "Papers that are stored.", found.papers)
        yield GaugeMetricFamily("cvdigest_open_dates", "Dates that wait or failed.", found.open_dates)
        if found.newest is not None:
            moment = datetime.combine(found.newest, time(), UTC).timestamp()
            yield GaugeMetricFamily("cvdigest_newest_edition_timestamp_seconds", "Midnight UTC of the newest date with a page.", moment)
        if found.last_status is not None:
            yield GaugeMetricFamily("cvdigest_last_run_status", "Exit status of the last run that ended.", found.last_status)
        if found.last_ended is not None:
            moment = found.last_ended.timestamp()
            yield GaugeMetricFamily("cvdigest_last_run_end_timestamp_seconds", "When the last run ended.", moment)
