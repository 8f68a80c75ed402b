"""Markdown and HTML of strangers, cleaned: tables, words and pictures stay; all that acts or styles goes."""

import html
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import mistune
import nh3

from nightbook.core.rendering import images

#: Beyond this, markdown is shown as it was written: a parser's time may grow faster than the text.
MAX_MARKDOWN: Final = 30_000

_TAGS: Final = frozenset(
    """
    a abbr b bdi blockquote br caption center cite code col colgroup dd del details dfn div dl dt em
    figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike
    strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr
    """.split()  # noqa: SIM905 (words read better without quotes)
)
_ATTRIBUTES: Final = {
    "*": {"title", "dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align", "scope"},
    "ol": {"start"},
    "details": {"open"},
}
_LINK: Final = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f]+", re.IGNORECASE)
_INLINE_PICTURE: Final = re.compile(r"\]\(data:image/[a-z+]{3,8};base64,([A-Za-z0-9+/=]+)\)")
_FEW_TAGS: Final = 1_000
_MAX_DEPTH: Final = 100
_TAG: Final = re.compile(r"<(/?)([a-z][^\s/>]*)")
_TAG_IN_TAG: Final = re.compile(r"<[A-Za-z/!?][^<>]*(?:<|$)")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_RAW_TEXT: Final = re.compile(r"<(script|style)\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_OTHER_RAW_TEXT: Final = re.compile(
    r"<(?:script|style|textarea|title|xmp|iframe|noembed|noframes|noscript|plaintext|svg|math|template)\b|<!|<\?",
    re.IGNORECASE,
)
#: Void ones, and those that the next of their kind closes.
_NEVER_NEST: Final = frozenset(
    """
    area base br col embed hr img input link meta source track wbr
    p li dt dd tr td th thead tbody tfoot option optgroup
    """.split()  # noqa: SIM905 (words read better without quotes)
)
_VISIBLE: Final = re.compile(r"<(?:img|hr)\b|(?:>|^)[^<]*[^<\s>]")


def clean(source: str) -> str:
    """HTML that holds nothing but words, tables and checked pictures."""
    return _CLEANER.clean(source)


def _attribute(tag: str, name: str, value: str) -> str | None:
    match tag, name:
        case "a", "href":
            return value if _LINK.fullmatch(value) else None
        case "img", "src":
            return images.checked_address(value)
        case "img", "width" | "height":
            pixels = images.side(value)
            return str(pixels) if pixels else None
        case _, "colspan" | "rowspan" | "start":
            return value if re.fullmatch("[0-9]{1,3}", value) else None
        case _, "align":
            return value if value in {"left", "right", "center"} else None
        case _, "dir":
            return value if value in {"ltr", "rtl", "auto"} else None
    return value


_CLEANER: Final = nh3.Cleaner(
    tags=set(_TAGS),
    attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
    attribute_filter=_attribute,
    clean_content_tags={"script", "style", "title", "textarea", "noscript", "template", "svg", "math"},
    url_schemes={"http", "https", "mailto", "data"},
    generic_attribute_prefixes=set(),
    link_rel="noopener noreferrer nofollow",
)


def is_visible(cleaned: str) -> bool:
    """Say whether there is anything to see in clean HTML."""
    return bool(_VISIBLE.search(cleaned))


def is_cleanable(source: str) -> bool:
    """Say whether the cleaner's time stays in proportion: few tags, or many that nest a little only.

    The cleaner is a browser's parser, whose work is length times depth. Where there are many tags,
    whatever could hide one from this count is refused as well.
    """
    if source.count("<") <= _FEW_TAGS:
        return True
    plain = _COMMENT.sub("", _RAW_TEXT.sub("", source))
    if _TAG_IN_TAG.search(plain) or _OTHER_RAW_TEXT.search(plain):
        return False
    opened: Counter[str] = Counter()
    depth = 0
    for closing, name in _TAG.findall(plain.lower()):
        if name in _NEVER_NEST:
            continue
        if not closing:
            opened[name] += 1
            depth += 1
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
        if depth > _MAX_DEPTH:
            return False
    return True


def markdown(source: str, attachments: Mapping[str, Any]) -> str:
    """A markdown text as clean HTML. Formulas stay as they were written."""
    pictures = dict(attachments)
    source = _with_pictures_apart(source, pictures)
    if len(source) > MAX_MARKDOWN:
        return as_written(source)
    parser = mistune.create_markdown(
        renderer=_Renderer(pictures), plugins=["table", "strikethrough", "footnotes", "url", "math"]
    )
    try:
        made = parser(source)
    except RecursionError:
        return as_written(source)
    return clean(made) if isinstance(made, str) and is_cleanable(made) else as_written(source)


def _with_pictures_apart(source: str, pictures: dict[str, Any]) -> str:
    """The same text with `data:` pictures as attachments, so that its length is that of its words."""

    def apart(match: re.Match[str]) -> str:
        name = f"inline-{len(pictures)}"
        pictures[name] = {"inline": match[1]}
        return f"](attachment:{name})"

    return _INLINE_PICTURE.sub(apart, source)


def as_written(source: str) -> str:
    return f"<pre>{html.escape(source)}</pre>"


class _Renderer(mistune.HTMLRenderer):
    """mistune's own renderer, with attachments as pictures, alignment as an attribute, formulas as text."""

    def __init__(self, attachments: Mapping[str, Any]) -> None:
        super().__init__(escape=False)
        self._attachments = attachments

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if not url.startswith("attachment:"):
            told = f' title="{html.escape(title)}"' if title else ""
            return f'<img src="{html.escape(url)}" alt="{html.escape(text)}"{told}>'
        bundle = self._attachments.get(url.removeprefix("attachment:"))
        found = next((one for one in map(images.picture, _values(bundle)) if one), None)
        return found.tag(alt=text) if found else html.escape(text)

    def inline_math(self, text: str) -> str:
        return f"<i>${html.escape(text)}$</i>"

    def block_math(self, text: str) -> str:
        return f"<blockquote><i>{html.escape(text)}</i></blockquote>\n"

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        tag = "th" if head else "td"
        aligned = f' align="{align}"' if align in {"left", "right", "center"} else ""
        return f"<{tag}{aligned}>{text}</{tag}>\n"


def _values(bundle: object) -> list[Any]:
    return list(bundle.values())[:5] if isinstance(bundle, dict) else []
