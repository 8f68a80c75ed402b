"""Redis and Valkey as a broker that is heard at once.

Dramatiq asks them for messages in pauses that grow to its worker time-out: a ring waits half of it, and an
idle worker asks ten times a second. Here a second key, pushed after the message, ends the pause.
"""

from collections.abc import Iterable
from typing import Any, Final

import dramatiq
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

#: Less than the sockets' time-out. A wake that is lost costs this much.
_PAUSE_SECONDS: Final = 1.0
#: So many may be missed by busy workers before the first is forgotten, and all are after a minute of silence.
_WAKES: Final = 32
_FORGOTTEN_SECONDS: Final = 60
#: Dramatiq's own pause after a fetch that found nothing, in milliseconds: ours follows it.
_NO_PAUSE: Final = 1


class PromptRedisBroker(RedisBroker):
    """Dramatiq's broker for Redis, with a wake for each message."""

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        sent: dramatiq.Message[Any] = super().enqueue(message, delay=delay)
        key = self._wake_key(sent.queue_name)
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.lpush(key, "1")
            pipeline.ltrim(key, 0, _WAKES - 1)
            pipeline.expire(key, _FORGOTTEN_SECONDS)
            pipeline.execute()
        return sent

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        found = super().consume(queue_name, prefetch, timeout)
        return _PromptConsumer(found, self.client, self._wake_key(queue_name))

    def _wake_key(self, queue_name: str) -> str:
        return f"{self.namespace}:{queue_name}.wake"


class _PromptConsumer(Consumer):
    """Dramatiq's consumer, which pauses only until it is woken."""

    def __init__(self, inner: Any, client: Any, wake_key: str) -> None:
        self._inner = inner
        self._client = client
        self._wake_key = wake_key
        self._full_pause = inner.timeout

    def ack(self, message: MessageProxy) -> None:
        self._inner.ack(message)

    def nack(self, message: MessageProxy) -> None:
        self._inner.nack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        self._inner.requeue(messages)

    def close(self) -> None:
        self._inner.close()

    def __next__(self) -> MessageProxy | None:
        is_free = self._inner.outstanding_message_count < self._inner.prefetch
        self._inner.timeout = _NO_PAUSE if is_free else self._full_pause
        message: MessageProxy | None = next(self._inner)
        if message is None and is_free:
            self._pause()
        return message

    def _pause(self) -> None:
        try:
            self._client.blpop([self._wake_key], timeout=_PAUSE_SECONDS)
        except (RedisConnectionError, RedisTimeoutError) as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
