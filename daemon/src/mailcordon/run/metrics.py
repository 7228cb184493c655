"""The counters in the text format of Prometheus (features 18.11)."""

import re
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mailcordon.mail.timing import STATES
from mailcordon.run.counter_bases import is_size, is_time
from mailcordon.run.counter_directory import DaemonView

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LABELLED = {
    "virus.byname.": ("virus", "name"),
    "virus.byOS.": ("virus_by_os", "os"),
    "spam.byOS.": ("spam_by_os", "os"),
    "ham.byOS.": ("ham_by_os", "os"),
    "OpsDecType-": ("ops_dec_type", "type"),
    "OpsDecBy": ("ops_dec_by", "decoder"),
}
"""Counters with a name that comes from outside: what they begin with, name of the metric, and of its label."""
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_NAME = re.compile(r"[^a-zA-Z0-9_]+")


def metrics_text(view: DaemonView) -> bytes:
    """What Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Daemon(view))
    return generate_latest(registry)


def metric_name(counter: str) -> str:
    """The metric of a counter without a label, with the unit that it has there, without `_total`."""
    base = _NO_NAME.sub("_", _WORD.sub("_", counter)).lower()
    unit = "_bytes" if is_size(counter) else "_seconds" if is_time(counter) else ""
    return f"mailcordon_{base}{unit}"


class _Daemon(Collector):
    def __init__(self, view: DaemonView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        view = self._view
        yield GaugeMetricFamily("mailcordon_start_time_seconds", "When the daemon was started.", value=view.started_at)
        info = GaugeMetricFamily("mailcordon_info", "Always 1.", labels=["version", "hostname"])
        info.add_metric([view.version, view.hostname], 1)
        yield info
        yield GaugeMetricFamily("mailcordon_workers", "Worker processes.", value=len(view.workers))
        states = GaugeMetricFamily("mailcordon_messages_in_progress", "Messages by what is done.", labels=["state"])
        found = [message.state for worker in view.workers for message in worker.messages]
        for state in STATES:
            states.add_metric([state], found.count(state))
        yield states
        labelled: dict[str, CounterMetricFamily] = {}
        for counter, value in view.counters.items():
            prefix = next((prefix for prefix in _LABELLED if counter.startswith(prefix)), None)
            if prefix is None:
                amount = value / 1000 if is_time(counter) else value
                yield CounterMetricFamily(metric_name(counter), f"Counter {counter}.", value=amount)
                continue
            name, label = _LABELLED[prefix]
            if prefix not in labelled:
                labelled[prefix] = CounterMetricFamily(f"mailcordon_{name}", f"Counters {prefix}*.", labels=[label])
            labelled[prefix].add_metric([counter.removeprefix(prefix)], value)
        yield from labelled.values()
