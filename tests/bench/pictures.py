"""Draws the two pictures of the README as SVG: speed against the peers, and cost as users grow. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from xml.sax.saxutils import escape

from tests.bench.figures import short
from tests.bench.rows import Row

WIDTH = 760
# Each picture brings its own ground, so that it can be read wherever it stands.
STYLE = """<style>
.ground{fill:#ffffff;stroke:#d0d7de}.text{fill:#1f2328}.soft{fill:#59636e}.line{stroke:#d0d7de}
.own{fill:#0b5fb0;stroke:#0b5fb0}.other{fill:#8b949e;stroke:#8b949e}.second{fill:#b35900;stroke:#b35900}
@media (prefers-color-scheme:dark){
.ground{fill:#0d1117;stroke:#30363d}.text{fill:#e6edf3}.soft{fill:#9198a1}.line{stroke:#30363d}
.own{fill:#58a6ff;stroke:#58a6ff}.other{fill:#6e7681;stroke:#6e7681}.second{fill:#f0883e;stroke:#f0883e}}
text{font:13px system-ui,sans-serif;stroke:none}.title{font-size:15px;font-weight:600}
</style>"""
BAR, LABELS, RIGHT, TOP = 30, 300, 90, 60
LEFT, HEIGHT, ACROSS = 80, 380, WIDTH - 200
# Labels closer than this would run into each other.
LINE = 18


def peers(rows: Mapping[str, Row]) -> str:
    """Return the bars of users/s, on a logarithmic scale; empty where there is nothing to compare."""
    bars = [(title, rate, own) for title, rate, own in _rates(rows) if rate]
    if len(bars) < 2 or all(own for _, _, own in bars):
        return ""
    lowest = 10 ** math.floor(math.log10(min(rate for _, rate, _ in bars)) - 0.01)
    highest = max(rate for _, rate, _ in bars)
    span = (WIDTH - LABELS - RIGHT) / math.log10(highest / lowest)
    height = TOP + BAR * len(bars) + 40
    parts = [_text(20, 32, "Users a second, on a logarithmic scale", "text title")]
    for power in range(round(math.log10(lowest)), math.floor(math.log10(highest)) + 1):
        x = LABELS + span * math.log10(10**power / lowest)
        parts.append(_line(x, TOP - 8, x, height - 34))
        parts.append(_text(x, height - 16, f"{10**power:,}", "soft", "middle"))
    for number, (title, rate, own) in enumerate(bars):
        y = TOP + BAR * number
        long = span * math.log10(rate / lowest)
        parts.append(_text(LABELS - 10, y + 15, title, "text", "end"))
        parts.append(
            f'<rect class="{"own" if own else "other"}" x="{LABELS}" y="{y}" width="{long:.1f}" height="20" rx="2"/>'
        )
        parts.append(_text(LABELS + long + 8, y + 15, short(rate), "text"))
    description = "; ".join(f"{title}: {short(rate)} users a second" for title, rate, _ in bars)
    return _picture(height, description, parts)


def _rates(rows: Mapping[str, Row]) -> list[tuple[str, float, bool]]:
    """Return what is compared: title, users a second (0 where it was not measured), whether it is Rollcall."""
    found = []
    if row := _measured(rows, "unchanged"):
        found.append(("ldapsearch, which only reads", _rate(row, "against"), False))
    for key, title in (
        ("unchanged", "Rollcall, nothing changed"),
        ("first", "Rollcall, first sync"),
        ("moved", "Rollcall, everybody moved"),
    ):
        if row := _measured(rows, key):
            found.append((title, _rate(row, "seconds"), True))
    for key, title in (
        ("django_python3_ldap-unchanged", "django-python3-ldap, ldap_sync_users"),
        ("django_auth_ldap-unchanged", "django-auth-ldap, populate_user"),
    ):
        if row := _measured(rows, key):
            found.append((title, row.samples["sample"] / median(row.samples["their seconds"]), False))
    return found


def _measured(rows: Mapping[str, Row], key: str) -> Row | None:
    row = rows.get(key)
    return row if row is not None and row.measured is not None else None


def _rate(row: Row, times: str) -> float:
    return float(row.samples["users"] / median(row.samples[times]))


def growth(rows: Mapping[str, Row]) -> str:
    """Return the lines of wall time by users, both axes logarithmic; empty where nothing was measured."""
    row = _measured(rows, "growth")
    if row is None:
        return ""
    series = [
        ("first sync", "second", _points(row, "first")),
        ("nothing changed", "own", _points(row, "unchanged")),
    ]
    points = [point for *_, each in series for point in each]
    across, up = _Axis([x for x, _ in points], LEFT, ACROSS), _Axis([y for _, y in points], HEIGHT - 60, TOP)
    parts = [_text(20, 32, "Seconds of a sync by users, both on logarithmic scales", "text title")]
    for power in up.powers():
        parts.append(_line(LEFT, up.place(power), ACROSS, up.place(power)))
        parts.append(_text(LEFT - 10, up.place(power) + 4, f"{power:g} s", "soft", "end"))
    parts += [_text(across.place(power), HEIGHT - 34, f"{power:,.0f}", "soft", "middle") for power in across.powers()]
    lowest = 0.0
    for title, kind, each in series:
        placed = [(across.place(x), up.place(y)) for x, y in each]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline class="{kind}" style="fill:none" stroke-width="2.5" points="{path}"/>')
        parts += [f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in placed]
        lowest = max(placed[-1][1], lowest + LINE)
        parts.append(_text(placed[-1][0] + 12, lowest + 4, f"{title}, {short(each[-1][1])} s", "text"))
    description = "; ".join(
        f"{title}: {', '.join(f'{x:,.0f} users {short(y)} s' for x, y in each)}" for title, _, each in series
    )
    return _picture(HEIGHT, description, parts)


class _Axis:
    """A logarithmic axis from one place to another, with whole powers of ten at its ends."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def powers(self) -> list[float]:
        return [10.0**power for power in range(self._low, self._high + 1)]


def _points(row: Row, kind: str) -> list[tuple[float, float]]:
    return sorted((float(count), float(seconds)) for count, seconds in row.samples[kind].items())


def _picture(height: float, description: str, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(description)}">'
    ground = f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="6"/>'
    return "\n".join([head, STYLE, ground, *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x: float, y: float, x2: float, y2: float) -> str:
    return f'<line class="line" x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
