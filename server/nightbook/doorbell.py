"""The doorbell between server and workers: what a message looks like and how a broker is opened.

A message says `{pool, hint}` and nothing else. It carries no code, no secret and no authority, and it
may be lost or doubled harmlessly, because the claim chooses the run. Shared by server and worker.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.middleware import AgeLimit, ShutdownNotifications

from nightbook.prompt_redis import PromptRedisBroker

ACTOR_NAME = "attend"
NAMESPACE = "nightbook"


def queue_of(pool: str) -> str:
    """The queue on which the doorbell of *pool* rings."""
    return f"{NAMESPACE}.{pool}"


def ring_message(pool: str, hint: str) -> dramatiq.Message[None]:
    """A ring for *pool*; *hint* is the run that made it ring, for the log only."""
    return dramatiq.Message(
        queue_name=queue_of(pool),
        actor_name=ACTOR_NAME,
        args=(),
        kwargs={"pool": pool, "hint": hint},
        options={},
    )


def open_broker(url: str) -> dramatiq.Broker:
    """Open the broker behind *url* (`redis`, `rediss`, `unix`, `valkey`, `amqp`, `amqps`).

    No Retries, Callbacks or Pipelines: rows do all of it, and a retry whose enqueue fails is lost.
    """
    middleware = [AgeLimit(max_age=3_600_000), ShutdownNotifications(notify_shutdown=False)]
    scheme = urlsplit(url).scheme
    if scheme in {"amqp", "amqps"}:
        # Without confirms a send to a dying server vanishes.
        # A server short of memory or disk blocks a send for ever unless told otherwise.
        timed = _with_query(url, heartbeat="60", socket_timeout="5", blocked_connection_timeout="10")
        return RabbitmqBroker(url=timed, confirm_delivery=True, middleware=middleware)
    if scheme in {"redis", "rediss", "unix", "valkey", "valkeys"}:
        # Beside `url`, dramatiq ignores keyword time-outs. A dead worker's message comes back after
        # 15 s instead of minutes.
        # Only the scheme is renamed: a socket may be called valkey.sock.
        named = f"redis{url.removeprefix('valkey')}" if url.startswith("valkey") else url
        timed = _with_query(named, socket_timeout="5", socket_connect_timeout="5")
        return PromptRedisBroker(  # type: ignore[no-untyped-call]
            url=timed,
            namespace=NAMESPACE,
            heartbeat_timeout=15_000,
            maintenance_chance=1_000_000,
            middleware=middleware,
        )
    raise ValueError(
        f"NIGHTBOOK_BROKER_URL: no broker for the scheme {scheme!r}; use redis://, unix:// or amqp://"
    )


def _with_query(url: str, **defaults: str) -> str:
    # Not urlunsplit: it drops the empty host of unix:///path.
    place, _, query = url.partition("?")
    return f"{place}?{urlencode({**defaults, **dict(parse_qsl(query))})}"
