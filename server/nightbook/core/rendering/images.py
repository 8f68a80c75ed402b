"""Pictures as `data:` addresses: only what its first bytes prove to be one, and of a bounded size."""

import base64
import binascii
import html
import re
import struct
from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_PIXELS: Final = 50_000_000
MAX_SIDE: Final = 10_000
#: Media types that may become a picture, the best one first.
TYPES: Final = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")

_DATA_ADDRESS: Final = re.compile(r"data:image/(?:png|jpeg|jpg|gif);base64,([A-Za-z0-9+/=\s]*)")
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class Picture:
    """A checked picture. Width and height are in pixels, None where the format does not say."""

    address: str
    width: int | None
    height: int | None

    def tag(self, *, alt: str, width: object = None, height: object = None) -> str:
        """The `<img>`; a wished size counts only where it is a whole number of pixels."""
        shown = [("width", side(width)), ("height", side(height))]
        if not any(value for _, value in shown):
            shown = [("width", self.width), ("height", self.height)]
        sizes = "".join(f' {name}="{value}"' for name, value in shown if value)
        return f'<img src="{self.address}" alt="{html.escape(alt)}"{sizes}>'


def picture(encoded: object) -> Picture | None:
    """The picture in base64 text, by its magic bytes; None where it is none, or too large."""
    raw = _decoded(encoded)
    if raw is None:
        return None
    kind, size = _measured(raw)
    if kind is None or size is None or not 0 < size[0] * size[1] <= MAX_PIXELS:
        return None
    return Picture(f"data:image/{kind};base64,{base64.b64encode(raw).decode()}", *size)


def drawing(text: object) -> Picture | None:
    """An SVG text as a picture: within an `<img>` it can neither run nor load anything."""
    if not isinstance(text, str) or len(text) > MAX_BYTES // 4 or "<svg" not in text[:2000]:
        return None
    if re.search(r"<!\s*(?:DOCTYPE|ENTITY)[^>]*\[|<!\s*ENTITY", text, re.IGNORECASE):
        return None  # entities may grow without bound
    raw = text.encode("utf-8", "replace")
    return Picture(f"data:image/svg+xml;base64,{base64.b64encode(raw).decode()}", None, None)


def checked_address(address: str) -> str | None:
    """A `data:` address of a picture, made anew from the bytes it holds; None for every other address."""
    match = _DATA_ADDRESS.fullmatch(address.strip()) if len(address) < MAX_BYTES * 3 // 2 else None
    found = picture(match[1]) if match else None
    return found.address if found else None


def side(wish: object) -> int | None:
    """A width or height as a whole number of pixels, or None: never a text that goes into a tag."""
    if isinstance(wish, str) and re.fullmatch(r"[0-9]{1,5}(?:px)?", wish):
        wish = int(wish.removesuffix("px"))
    if isinstance(wish, float) and wish == wish and abs(wish) <= MAX_SIDE:
        wish = int(wish)
    return wish if isinstance(wish, int) and not isinstance(wish, bool) and 0 < wish <= MAX_SIDE else None


def _decoded(encoded: object) -> bytes | None:
    if not isinstance(encoded, str) or len(encoded) > MAX_BYTES * 3 // 2:
        return None
    try:
        raw = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) <= MAX_BYTES else None


def _measured(raw: bytes) -> tuple[str | None, tuple[int, int] | None]:
    if raw.startswith(b"\x89PNG\r\n\x1a\n") and raw[12:16] == b"IHDR" and len(raw) >= 24:
        return "png", struct.unpack(">II", raw[16:24])
    if raw.startswith((b"GIF87a", b"GIF89a")) and len(raw) >= 10:
        return "gif", struct.unpack("<HH", raw[6:10])
    if raw.startswith(b"\xff\xd8\xff"):
        return "jpeg", _jpeg_size(raw)
    return None, None


def _jpeg_size(raw: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(raw) and raw[place] == 0xFF:
        marker, length = raw[place + 1], int.from_bytes(raw[place + 2 : place + 4], "big")
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", raw[place + 5 : place + 9])
            return width, height
        place += 2 + max(length, 2)
    return None
