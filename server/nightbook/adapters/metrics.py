"""Metrics of this process, for Prometheus. Labels are bounded: never a run id, a path, an owner or a time."""

from prometheus_client import Counter, Gauge, Histogram

_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LONG = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400)

FIRE_DELAY = Histogram(
    "nightbook_fire_delay_seconds", "From a fire time to its run being queued", buckets=_SHORT
)
QUEUE_WAIT = Histogram("nightbook_queue_wait_seconds", "From queued to claimed", ["pool"], buckets=_SHORT)
RUN_DURATION = Histogram(
    "nightbook_run_duration_seconds", "From claim to the end of a run", ["pool"], buckets=_LONG
)
RUNS_ENDED = Counter("nightbook_runs_total", "Runs that ended", ["pool", "state", "class", "kind"])
FENCED_WRITES = Counter("nightbook_fenced_writes_total", "Writes of stale workers that were refused")
LEASES_EXPIRED = Counter("nightbook_leases_expired_total", "Attempts whose worker fell silent", ["pool"])
LOOP_DURATION = Histogram("nightbook_loop_duration_seconds", "One tick of a loop", ["loop"], buckets=_SHORT)
LOOP_ERRORS = Counter("nightbook_loop_errors_total", "Ticks that failed", ["loop"])
LOOP_LAST_SUCCESS = Gauge(
    "nightbook_loop_last_success_timestamp_seconds", "Last tick that succeeded", ["loop"]
)
HTTP_REQUESTS = Counter("nightbook_http_requests_total", "Answers", ["route", "code"])
HTTP_DURATION = Histogram(
    "nightbook_http_request_duration_seconds", "Answer times", ["route"], buckets=_SHORT
)
