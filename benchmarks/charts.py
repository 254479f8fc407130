"""Charts as SVG that is readable on a light and on a dark page: bars, and curves on log scales."""

from __future__ import annotations

import math
from collections.abc import Iterable
from xml.sax.saxutils import escape

HUES = (210, 30, 140, 280, 0, 175, 55, 320)
STYLE = """<style>
text { font: 12px sans-serif; fill: #1f2328 } .title { font-weight: bold } .dim { fill: #656d76 }
.bar { fill: #8c959f } .ours { fill: #0969da } .grid { stroke: #d0d7de; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .dim { fill: #9198a1 } .bar { fill: #656c76 } .ours { fill: #4493f8 }
.grid { stroke: #3d444d }
}
</style>"""
ROW, LEFT, BAR = 17, 120, 150  # heights and widths in pixels


def bars(
    title: str, panels: dict[str, dict[str, float]], ours: str, *, logarithmic: bool = False
) -> str:
    """Return a chart with a panel for each group of bars, two in a row."""
    made: list[str] = []
    width, top = LEFT + BAR + 70, 30
    for index, (name, values) in enumerate(panels.items()):
        left = (index % 2) * width
        made += _panel(left, top, name, _lengths(values, logarithmic), values, ours)
        if index % 2 or index == len(panels) - 1:
            tallest = max(len(one) for one in list(panels.values())[index - index % 2 : index + 1])
            top += (tallest + 1) * ROW + 18
    return _svg(title, made, 2 * width, top)


def _lengths(values: dict[str, float], logarithmic: bool) -> dict[str, float]:
    least, most = min(values.values(), default=1) / 1.5, max(values.values(), default=1)
    if logarithmic:
        scale = BAR / math.log(most / least)
        return {name: math.log(value / least) * scale for name, value in values.items()}
    return {name: value / most * BAR for name, value in values.items()}


def _panel(
    left: int,
    top: int,
    name: str,
    lengths: dict[str, float],
    values: dict[str, float],
    ours: str,
) -> Iterable[str]:
    yield _text(left + LEFT, top + 12, name, "dim")
    for row, (system, value) in enumerate(sorted(values.items(), key=lambda one: one[1])):
        y, length = top + 18 + row * ROW, lengths[system]
        kind = "ours" if system == ours else "bar"
        yield _text(left + LEFT - 6, y + 11, system, end=True)
        yield f'<rect class="{kind}" x="{left + LEFT}" y="{y}" width="{length:.1f}" height="13"/>'
        yield _text(left + LEFT + length + 5, y + 11, number(value), "dim")


def curves(title: str, values: dict[str, list[tuple[float, float]]], ours: str) -> str:
    """Return a curve for each name, on logarithmic scales, with its name at its end."""
    if not values:
        return _svg(title, [], 640, 60)
    xs = [math.log10(x) for points in values.values() for x, _ in points]
    ys = [math.log10(y) for points in values.values() for _, y in points]
    least, most = math.floor(min(ys)), math.ceil(max(ys))
    right = max(max(xs), min(xs) + 1)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - min(xs)) / (right - min(xs))
        return 60 + across * 440, 330 - (y - least) / max(most - least, 1) * 290

    made = []
    for power in range(least, most + 1):
        height = place(min(xs), power)[1]
        made.append(f'<path class="grid" d="M60 {height:.1f}H500"/>')
        made.append(_text(54, height + 4, f"{10.0**power:g}", "dim", end=True))
    for x in sorted(set(xs)):
        made.append(_text(place(x, least)[0], 350, f"{10**x:,.0f}", "dim", end=True))
    ends: list[float] = []
    for index, (name, points) in enumerate(sorted(values.items(), key=lambda one: -one[1][-1][1])):
        path = [place(math.log10(x), math.log10(y)) for x, y in points]
        d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in path)
        hue = f"hsl({HUES[index % len(HUES)]} 60% 50%)"
        thick = 4 if name == ours else 2
        made.append(f'<path d="{d}" fill="none" stroke="{hue}" stroke-width="{thick}"/>')
        x, y = path[-1]
        while any(abs(y - other) < 14 for other in ends):
            y += 3
        ends.append(y)
        made.append(f'<circle cx="{x:.1f}" cy="{path[-1][1]:.1f}" r="3" fill="{hue}"/>')
        made.append(_text(510, y + 4, name, "title" if name == ours else ""))
        made.append(f'<rect x="503" y="{y - 4:.1f}" width="4" height="9" fill="{hue}"/>')
    return _svg(title, made, 640, 365)


def number(value: float) -> str:
    """Return two or three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def _text(x: float, y: float, text: str, kind: str = "", *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{anchor}>{escape(text)}</text>'


def _svg(title: str, parts: Iterable[str], width: int, height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    name = f"<title>{escape(title)}</title>"
    body = "\n".join([head, name, STYLE, _text(10, 18, title, "title"), *parts, "</svg>"])
    return body + "\n"
