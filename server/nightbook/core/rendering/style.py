# ruff: noqa: E501 (rules of style stay on one line)
"""The style of a rendered notebook: a quiet page for reading, light or dark, on a phone or on paper."""

from typing import Final

_LIGHT: Final = """
  --page: #ffffff; --text: #1d2330; --soft: #5c6475; --line: #e3e6ec; --panel: #f6f7f9; --link: #1a5fb4;
  --accent: #3d5a80; --red: #b3261e; --red-panel: #fdf1f0; --amber-panel: #fdf6e7; --amber: #8a5a00;
  --keyword: #8431a5; --string: #1f7a3d; --number: #a3470b; --comment: #6b7385; --name: #1a5fb4; --built: #0b7285;
  --c0: #1d2330; --c1: #b3261e; --c2: #1f7a3d; --c3: #8a5a00; --c4: #1a5fb4; --c5: #8431a5; --c6: #0b7285; --c7: #5c6475;
  --c8: #6b7385; --c9: #d0342c; --c10: #2a9d50; --c11: #a87400; --c12: #3478d4; --c13: #a24bc4; --c14: #1591a6; --c15: #ffffff;
"""
_DARK: Final = """
  --page: #14171d; --text: #dfe3ea; --soft: #98a1b2; --line: #2b303a; --panel: #1b1f27; --link: #82b1ff;
  --accent: #9db8dd; --red: #ff8a80; --red-panel: #2a1a1b; --amber-panel: #2a2418; --amber: #e5b567;
  --keyword: #d7a6f0; --string: #97d6a4; --number: #f0ac7c; --comment: #828b9c; --name: #8fbcff; --built: #7fd0de;
  --c0: #828b9c; --c1: #ff8a80; --c2: #97d6a4; --c3: #e5b567; --c4: #8fbcff; --c5: #d7a6f0; --c6: #7fd0de; --c7: #dfe3ea;
  --c8: #98a1b2; --c9: #ffaba4; --c10: #b4e6be; --c11: #f2cf91; --c12: #b3d2ff; --c13: #e6c6f7; --c14: #a8e2ec; --c15: #ffffff;
"""
_PAGE: Final = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.5rem 5rem; background: var(--page); color: var(--text);
  font: 1rem/1.6 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
  overflow-wrap: break-word; }
pre, code, kbd, samp, .side { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
header { margin-bottom: 2rem; padding-bottom: 1.25rem; border-bottom: 1px solid var(--line); }
header h1 { margin: 0; font-size: 1.35rem; line-height: 1.25; letter-spacing: -.01em; }
.facts { margin: .5rem 0 0; color: var(--soft); font-size: .9rem; }
.facts span + span::before { content: "·"; margin: 0 .6em; }
.banner { margin: 1.25rem 0 0; padding: .7rem 1rem; border-left: 3px solid var(--accent); border-radius: 0 6px 6px 0; background: var(--panel); }
.banner.failed { border-color: var(--red); background: var(--red-panel); }
.banner a { white-space: nowrap; font-weight: 600; }
"""
_CELLS: Final = """
.cell { margin: 1.25rem 0; }
.cell.failed { margin: 1.75rem -1rem; padding: .75rem 1rem; border-left: 3px solid var(--red); border-radius: 0 8px 8px 0; background: var(--red-panel); scroll-margin-top: 1rem; }
.mark { margin: 0 0 .6rem; color: var(--red); font-weight: 600; }
.input { position: relative; }
.side { position: absolute; top: .8rem; right: 100%; width: 6rem; margin: 0 .9rem 0 0; color: var(--soft); font-size: .72rem; line-height: 1.5; text-align: right; }
.failed .side { margin-right: 1.6rem; }
.side:has(+ details) { top: .15rem; }
.side span { display: block; }
pre { margin: 0; font-size: .84rem; line-height: 1.55; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; }
pre.source { padding: .75rem 1rem; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); white-space: pre; overflow-x: auto; overflow-wrap: normal; }
details > summary { color: var(--soft); font-size: .85rem; cursor: pointer; }
.out, .markup, figure, .error, .note { margin: .6rem 0 0; }
.out { max-height: 36rem; overflow: auto; tab-size: 8; padding: .1rem 1rem; }
.out.stderr { padding: .5rem 1rem; border-left: 3px solid var(--amber); border-radius: 0 6px 6px 0; background: var(--amber-panel); }
.out.math { font-style: italic; }
.raw .out { color: var(--soft); }
.note { padding-left: 1rem; color: var(--soft); font-size: .85rem; font-style: italic; }
figure { padding: 0 1rem; }
img { max-width: 100%; height: auto; vertical-align: middle; border-radius: 6px; background: #fff; }
.error { border: 1px solid var(--red); border-radius: 8px; overflow: hidden; background: var(--page); }
.error-words { margin: 0; padding: .6rem 1rem; color: var(--red); font-weight: 600; }
.error .out { margin: 0; padding: .6rem 1rem; border-top: 1px solid var(--line); white-space: pre; }
.ab { font-weight: 700; } .ai { font-style: italic; } .au { text-decoration: underline; }
"""
_PROSE: Final = """
.prose h1, .prose h2, .prose h3, .prose h4, .prose h5, .prose h6 { margin: 1.8em 0 .5em; line-height: 1.25; letter-spacing: -.01em; }
.prose > :first-child { margin-top: 0; } .cell + .prose > h1:first-child, .cell + .prose > h2:first-child { margin-top: 2.5rem; } .cell + .prose > h3:first-child { margin-top: 2rem; } .prose > :last-child { margin-bottom: 0; }
.prose h1 { font-size: 1.8rem; letter-spacing: -.02em; } .prose h2 { font-size: 1.3rem; } .prose h3 { font-size: 1.1rem; }
.prose h4, .prose h5, .prose h6 { font-size: 1rem; }
.prose p, .prose ul, .prose ol, .prose blockquote, .prose pre, .prose dl { margin: .8em 0; max-width: 46rem; }
.prose li { margin: .25em 0; }
.prose blockquote { margin-left: 0; padding-left: 1rem; border-left: 3px solid var(--line); color: var(--soft); }
.prose code { padding: .1em .3em; border-radius: 4px; background: var(--panel); font-size: .88em; }
.prose pre { padding: .75rem 1rem; border-radius: 8px; background: var(--panel); }
.prose pre code { padding: 0; background: none; font-size: 1em; }
hr { margin: 2em 0; border: 0; border-top: 1px solid var(--line); }
.markup { padding: 0 1rem; overflow-x: auto; }
table { border-collapse: collapse; font-size: .87rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
.prose table { display: block; max-width: 100%; overflow-x: auto; margin: 1em 0; }
th, td { padding: .4rem .75rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid var(--line); color: var(--soft); font-weight: 600; white-space: nowrap; }
.markup td, .markup thead th { text-align: right; }
.markup tbody th { color: var(--soft); font-weight: 500; }
[align=left] { text-align: left !important; } [align=right] { text-align: right !important; } [align=center] { text-align: center !important; }
tbody tr:hover { background: var(--panel); }
caption { text-align: left; }
.parameters { padding: .9rem 1.25rem 1rem; border: 1px solid var(--line); border-radius: 8px; }
.parameters caption { padding-bottom: .35rem; color: var(--soft); font-size: .8rem; }
.parameters tr:last-child > * { border-bottom: 0; }
.parameters table { width: 100%; }
.parameters th { width: 1%; padding-left: 0; font-weight: 500; white-space: nowrap; }
.parameters td { white-space: pre-wrap; overflow-wrap: anywhere; }
"""
_CODE: Final = """
.source .k, .source .kn, .source .kd, .source .kr, .source .kp, .source .ow { color: var(--keyword); }
.source .kc, .source .kt, .source .nb, .source .bp { color: var(--built); }
.source [class^="s"] { color: var(--string); }
.source .si { color: var(--text); }
.source [class^="m"] { color: var(--number); }
.source [class^="c"] { color: var(--comment); font-style: italic; }
.source .nf, .source .nc, .source .fm { color: var(--name); }
.source .nd { color: var(--amber); }
"""
_SMALL: Final = """
@media (max-width: 77rem) {
  .side, .failed .side { position: static; width: auto; margin: 0 .25rem .2rem; }
  .side span { display: inline; }
  .side span + span::before { content: "·"; margin: 0 .45em; }
}
@media (max-width: 40rem) {
  body { padding: 1.25rem 1rem 3rem; }
  .cell.failed { margin-inline: -.5rem; padding-inline: .75rem; }
  pre { font-size: .78rem; }
  .out, .markup, figure, .note { padding-inline: 0; }
  .out.stderr, .error .out { padding-inline: .75rem; }
  .banner a { white-space: normal; }
}
"""
_PAPER: Final = """
@page { margin: 16mm 15mm 18mm; @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: #5c6475; } }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  pre.source, .error .out { white-space: pre-wrap; overflow-wrap: anywhere; }
  .out { max-height: none; overflow: visible; }
  .banner a { display: none; }
  figure, .parameters, pre.source, tr { break-inside: avoid; }
  h1, h2, h3, h4 { break-after: avoid; }
}
"""
_COLOURS: Final = "".join(
    f".f{n} {{ color: var(--c{n}); }} .b{n} {{ background: var(--c{n}); color: var(--page); }}\n"
    for n in range(16)
)

_SLIDES: Final = """
html { scroll-snap-type: y proximity; scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { max-width: none; padding: 0; font-size: clamp(1rem, .7rem + .9vw, 1.5rem); }
.slide { display: flex; flex-direction: column; min-height: 100vh; padding: 2rem max(1.5rem, (100vw - 68rem) / 2) .75rem; scroll-snap-align: start; border-bottom: 1px solid var(--line); }
.slide > .content { flex: 1; display: flex; flex-direction: column; justify-content: center; min-width: 0; }
.slide header { margin: 0; border: 0; }
.slide header h1 { font-size: 2.2em; }
.slide .cell.prose > *, .slide .prose { max-width: none; }
.slide nav { display: grid; grid-template-columns: 1fr auto 1fr; gap: 1rem; padding-top: 1rem; color: var(--soft); font-size: .85rem; }
.slide nav > :last-child { text-align: right; }
.notes { margin-top: 1.5rem; }
@media (max-width: 40rem) { body { padding: 0; } }
@page { size: landscape; }
@media print {
  .slide { min-height: 0; padding: 0; border: 0; break-after: page; }
  .slide:last-child { break-after: auto; }
  .slide nav, .notes { display: none; }
}
"""

STYLE: Final = (
    f":root {{ color-scheme: light dark; {_LIGHT} }}\n"
    f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}\n"
    f"{_PAGE}{_CELLS}{_PROSE}{_CODE}{_COLOURS}{_SMALL}{_PAPER}"
)

#: The same for slides: each as high as the window, each a page on paper.
SLIDES_STYLE: Final = STYLE + _SLIDES
