"""What Prometheus is told; a registry for each app, for there may be several in a process."""

from __future__ import annotations

from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
METHODS: Final = ("GET", "HEAD", "POST", "OPTIONS")
MEDIA_TYPE: Final = CONTENT_TYPE_LATEST


class Metrics:
    """Counters and gauges; no label takes a value that a client can choose."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        self.requests = Counter("skintag_requests", "Answers", ("route", "method", "status"), registry=own)
        self.seconds = Histogram(
            "skintag_request_seconds", "From the headers to the end of the answer", ("route",),
            buckets=_SECONDS, registry=own,
        )  # fmt: skip
        self.decode = Histogram("skintag_decode_seconds", "Of a picture", buckets=_SECONDS, registry=own)
        self.infer = Histogram("skintag_inference_seconds", "Of a batch", buckets=_SECONDS, registry=own)
        self.batch = Histogram(
            "skintag_batch_images", "Pictures in a batch", buckets=(1, 2, 4, 8, 16, 32, 64), registry=own
        )
        self.queue = Gauge("skintag_queue_images", "Pictures that are decoded, wait or compute", registry=own)
        self.capacity = Gauge("skintag_queue_capacity", "Pictures that there is room for", registry=own)
        self.memory = Gauge("skintag_upload_bytes", "Bytes that uploads hold", registry=own)
        self.rejected = Counter(
            "skintag_rejected", "Pictures not taken, for the queue was full", registry=own
        )
        self.abandoned = Counter("skintag_abandoned", "Requests whose client went away", registry=own)
        self.unreadable = Counter("skintag_unreadable", "Pictures not read", ("reason",), registry=own)
        self.tiers = Counter("skintag_answers", "Pictures answered", ("tier", "unlike"), registry=own)
        self.loads = Counter("skintag_bundle_loads", "Bundles loaded or refused", ("result",), registry=own)
        self.bundle = Gauge(
            "skintag_bundle", "The bundle in use", ("name", "version", "runtime"), registry=own
        )

    def use(self, about: dict[str, str]) -> None:
        """Say which bundle is in use."""
        self.bundle.clear()
        self.bundle.labels(about["name"], about["version"], about["runtime"]).set(1)

    def answered(self, answer: dict[str, Any]) -> None:
        """Count an answer by its tier."""
        self.tiers.labels(answer["tier"], str(answer["out_of_distribution"]).lower()).inc()

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
