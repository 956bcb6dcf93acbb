"""What is shown of the matching benchmark: a picture, and the table in docs/matching.md."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

MARKED = (
    "leaves more people alone than ours, or takes more one-way pairs: its value is not bound by the same bound, and a high share, even "
    "one above 100 %, is no better plan."
)
MEASURED = Path(__file__).parent / "data" / "matching_measured.json"
PICTURE = Path(__file__).parent.parent / "docs" / "pictures" / "peers.svg"
PAGE = Path(__file__).parent.parent / "docs" / "matching.md"
BEGIN, END = "<!-- measured: python -m benchmarks.matching --record -->", "<!-- end of what was measured -->"


def mark(plan: dict[str, Any], *, ours: dict[str, Any]) -> str:
    """``*`` where the share of the bound flatters: see ``MARKED``."""
    return "*" if plan["unmatched"] > ours["unmatched"] or plan["one_way"] > ours["one_way"] else ""


def plot(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Processor seconds against people, both on scales of tenfolds, as a small drawing (SVG)."""
    lines: dict[str, list[tuple[int, float, float]]] = {}
    for people, result in sorted(results.items(), key=lambda item: int(item[0])):
        lines.setdefault("ours", []).append((int(people), result["cpu_seconds"], result["share_of_bound"]))
        for name, peer in result["peers"].items():
            if peer["seconds"] is not None:
                lines.setdefault(name, []).append((int(people), peer["cpu_seconds"], peer["share_of_bound"]))

    def x(people: int) -> float:
        return 60 + 190 * (math.log10(people) - 3)

    def y(seconds: float) -> float:
        return 250 - 50 * (math.log10(max(seconds, 0.003)) + 2)

    drawn = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 320" font-family="sans-serif" font-size="11">',
        '<rect width="680" height="320" fill="white"/>',
        '<text x="60" y="20" font-weight="bold">processor seconds against people; share of the proven bound at the largest</text>',
    ]
    for power in range(-2, 3):
        drawn.append(f'<line x1="60" x2="450" y1="{y(10.0**power):.0f}" y2="{y(10.0**power):.0f}" stroke="#ddd"/>')
        drawn.append(f'<text x="54" y="{y(10.0**power) + 4:.0f}" text-anchor="end">{10.0**power:g} s</text>')
    drawn += [f'<text x="{x(n):.0f}" y="295" text-anchor="middle">{n:,}</text>' for n in sorted(map(int, results))]
    for number, (name, points) in enumerate(lines.items()):
        colour = "#c0392b" if name == "ours" else f"hsl({(number * 47) % 360} 35% 45%)"
        path_ = " ".join(f"{x(n):.0f},{y(s):.0f}" for n, s, _ in points)
        drawn.append(f'<polyline points="{path_}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x(n):.0f}" cy="{y(s):.0f}" r="3" fill="{colour}"/>' for n, s, _ in points]
        drawn.append(f'<text x="465" y="{45 + 18 * number}" fill="{colour}">{name}, {points[-1][2]:.2%}</text>')
    path.write_text("\n".join([*drawn, "</svg>", ""]))


def table(results: dict[str, dict[str, Any]]) -> str:
    """What docs/matching.md shows: one block of lines for each size."""
    lines = [
        "| people | | seconds | processor s | of the bound | alone | one way | broken | blocking |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for people, result in sorted(results.items(), key=lambda item: int(item[0])):
        for name, found in [("**ours**", result), *result["peers"].items()]:
            size = f"{int(people):,}" if found is result else ""
            if found["seconds"] is None:
                lines.append(f"| {size} | {name} | nothing in time | | | | | | |")
                continue
            numbers = (found[key] for key in ("unmatched", "one_way", "violations", "blocking"))
            counted = " | ".join(f"{number:,}" for number in numbers)
            share = f"{found['share_of_bound']:.4%}{mark(found, ours=result).replace('*', chr(92) + '*')}"
            lines.append(
                f"| {size} | {name} | {found['seconds']:.2f} | {found['cpu_seconds']:.2f} | {share} | {counted} |"
            )
    lines += ["", f"\\* {MARKED}"]
    for people, result in sorted(results.items(), key=lambda item: int(item[0])):
        exact = f", exact in {result['exact_cpu_seconds']:.1f} processor seconds" if result["exact"] else ""
        capped = f"peers capped at {result['cap']:g} processor seconds"
        proven = f"gap {result['gap']:.4%} over all pairs{exact}; checked again in {result['verify_seconds']:.1f} s"
        lines += ["", f"Ours at {int(people):,}: {proven}; {result['memory_mb']} MB; {capped}; load {result['load']}."]
    grows = exponent(results)
    if grows is not None:
        lines += ["", f"Ours grows like people to the {grows:.2f}."]
    return "\n".join(lines)


def record(results: dict[str, dict[str, Any]]) -> None:
    """Keep what was measured, sizes measured earlier included, and bring picture and page up to date."""
    known = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    known = dict(sorted({**known, **results}.items(), key=lambda item: int(item[0])))
    MEASURED.write_text(json.dumps(known, ensure_ascii=False, indent=1) + "\n")
    plot(known, PICTURE)
    page = PAGE.read_text()
    before, after = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END) :]
    PAGE.write_text(f"{before}\n\n{table(known)}\n\n{after}")


def exponent(results: dict[str, dict[str, Any]]) -> float | None:
    """b where processor seconds grow like people to the b, from the smallest to the largest size."""
    sizes = sorted(int(people) for people in results)
    if len(sizes) < 2:
        return None
    low, high = (results[str(size)]["cpu_seconds"] for size in (sizes[0], sizes[-1]))
    return math.log(high / low) / math.log(sizes[-1] / sizes[0])
