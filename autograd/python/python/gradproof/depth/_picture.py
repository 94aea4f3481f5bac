"""A picture of numbers over depth, as SVG."""

from __future__ import annotations

import math

#: The picture's size, and its margins: left, top, right, bottom.
WIDTH, HEIGHT = 590.0, 300.0
LEFT, TOP, RIGHT, BOTTOM = 62.0, 34.0, 14.0, 40.0
COLOURS = ("#1f5fa8", "#a33319")
INK, FAINT = "#1a2733", "#d5dbe1"


def picture(lines: dict[str, list[float]]) -> str:
    """Lines over the number of the layer, on a logarithmic axis; values that are 0 or not finite are left out.

    Parameters
    ----------
    lines
        The values of each line by its name.
    """
    shown = [y for values in lines.values() for y in values if 0 < y < math.inf]
    low = math.floor(math.log10(min(shown, default=1.0)))
    high = max(math.ceil(math.log10(max(shown, default=1.0))), low + 1)
    count = max((len(values) for values in lines.values()), default=1)

    def across(i: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (i / (count - 1) if count > 1 else 0.5)

    def down(y: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(y)) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" width="{WIDTH:.0f}" '
        f'height="{HEIGHT:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="{INK}">',
        f"<title>{' and '.join(lines)}, layer by layer</title>",
        f'<rect width="{WIDTH:.0f}" height="{HEIGHT:.0f}" fill="#ffffff"/>',
    ]
    for power in range(low, high + 1, max(1, math.ceil((high - low) / 6))):
        y = down(10.0**power)
        parts.append(f'<path d="M{LEFT:.1f} {y:.1f} H{WIDTH - RIGHT:.1f}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{LEFT - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>')
    for i in range(0, count, max(1, math.ceil(count / 10))):
        parts.append(f'<text x="{across(i):.1f}" y="{HEIGHT - BOTTOM + 16:.1f}" text-anchor="middle">{i}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.1f}" y="{HEIGHT - 8:.1f}" text-anchor="middle">layer</text>')
    for k, ((name, values), colour) in enumerate(zip(lines.items(), COLOURS, strict=False)):
        points = [(across(i), down(y)) for i, y in enumerate(values) if 0 < y < math.inf]
        if points:
            path = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points]
        parts.append(f'<text x="{LEFT + 220 * k:.1f}" y="20" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"])
