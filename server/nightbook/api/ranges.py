"""Answers to range requests (RFC 9110 §14) over bytes that never change, with conditional requests.

A malformed Range is ignored, as the standard says; one that lies beyond the end, or asks for more than
five pieces, is 416.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from nightbook.api import problems

MAX_RANGES: Final = 5
_CHUNK: Final = 256 * 1024
_RANGES: Final = re.compile(r"^bytes=\s*(?:\d{0,18}-\d{0,18})(?:\s*,\s*\d{0,18}-\d{0,18})*\s*$")

Span = tuple[int, int]  # from the first byte up to, but without, the last
OpenAt = Callable[[int], BinaryIO]


def ranged(request: Request, size: int, open_at: OpenAt, headers: Mapping[str, str]) -> Response:
    """Answer with all of the *size* bytes, or with the ranges that *request* asks for.

    `open_at(offset)` opens the bytes at an offset; *headers* are those of the whole (with Content-Type
    and a strong ETag, see `artifact_headers`).
    """
    etag = headers["ETag"]
    if _names(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers={k: v for k, v in headers.items() if k != "Content-Type"})
    base = {**headers, "Accept-Ranges": "bytes"}
    spans = _wanted(request, size, etag)
    if spans is None:
        return _stream(request, 200, {**base, "Content-Length": str(size)}, _read(open_at, (0, size)))
    if not spans or len(spans) > MAX_RANGES:
        return _refused(request, size, too_many=bool(spans))
    if len(spans) == 1:
        return _single(request, size, open_at, base, spans[0])
    return _several(request, size, open_at, base, spans)


def _names(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or "*" in tags


def _wanted(request: Request, size: int, etag: str) -> list[Span] | None:
    """The spans asked for, None for the whole, and an empty list where no range can be satisfied."""
    header = request.headers.get("range")
    condition = request.headers.get("if-range")
    if header is None or (condition is not None and condition != etag) or not _RANGES.match(header):
        return None
    parts = [part.strip() for part in header.removeprefix("bytes=").split(",")]
    if len(parts) > MAX_RANGES:
        return [(0, 0)] * len(parts)
    pairs = [part.split("-") for part in parts]
    if any((not first and not last) or (first and last and int(first) > int(last)) for first, last in pairs):
        return None
    spans = [_span(first, last, size) for first, last in pairs]
    return _merged([span for span in spans if span[0] < span[1]])


def _span(first: str, last: str, size: int) -> Span:
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _refused(request: Request, size: int, *, too_many: bool) -> Response:
    code = "too_many_ranges" if too_many else "range_not_satisfiable"
    words = f"Ask for at most {MAX_RANGES} ranges." if too_many else f"The file has {size:,} bytes."
    fault = problems.RangeRefused(code, words, field="range")
    return problems.response(fault, request.scope, {"Content-Range": f"bytes */{size}"})


def _single(request: Request, size: int, open_at: OpenAt, base: dict[str, str], span: Span) -> Response:
    headers = {**base, "Content-Range": _content_range(span, size), "Content-Length": str(span[1] - span[0])}
    return _stream(request, 206, headers, _read(open_at, span))


def _several(
    request: Request, size: int, open_at: OpenAt, base: dict[str, str], spans: list[Span]
) -> Response:
    boundary = secrets.token_hex(16)
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {base['Content-Type']}\r\n"
        f"Content-Range: {_content_range(span, size)}\r\n\r\n".encode()
        for span in spans
    ]
    tail = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(end - start for start, end in spans) + len(tail)

    def parts() -> Iterator[bytes]:
        for head, span in zip(heads, spans, strict=True):
            yield head
            yield from _read(open_at, span)
        yield tail

    kind = f"multipart/byteranges; boundary={boundary}"
    return _stream(request, 206, {**base, "Content-Type": kind, "Content-Length": str(length)}, parts())


def _content_range(span: Span, size: int) -> str:
    return f"bytes {span[0]}-{span[1] - 1}/{size}"


def _read(open_at: OpenAt, span: Span) -> Iterator[bytes]:
    start, end = span
    with open_at(start) as source:
        while start < end:
            chunk = source.read(min(_CHUNK, end - start))
            if not chunk:
                raise OSError("the stored bytes end before their size")
            start += len(chunk)
            yield chunk


def _stream(request: Request, status: int, headers: dict[str, str], content: Iterator[bytes]) -> Response:
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(content, status_code=status, headers=headers)
