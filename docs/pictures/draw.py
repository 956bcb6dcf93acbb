"""Draw the pictures of docs/matching.md, each from the code it is about: ``python -m docs.pictures.draw``."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.learning import biased, generated
from docs.pictures.cohort import Worked, worked
from services.matching.engine.learning.curve import KNOTS, UNCHANGED, table_of
from services.matching.engine.learning.fit import fitted
from services.matching.engine.learning.refit import refit
from services.matching.engine.meaning.calibration import stored
from services.matching.engine.meaning.likeness import ENGLISH, OTHER
from services.matching.engine.meaning.near import ASK, MEETS, THOUSAND
from services.matching.engine.scoring.problem import MILLION
from services.matching.engine.scoring.value import PLATEAU
from services.matching.engine.solving.rounding import whole_couples

FOLDER = Path(__file__).parent
INK, GREY, PALE, RED, BLUE, GREEN = "#1f2633", "#8a93a3", "#e3e7ee", "#b8402f", "#2b659c", "#3d7a4a"
RELIABILITY = ((3.5, 4.3), (7.5, 9.0), (12.5, 13.6), (17.5, 19), (25, 21), (40, 32), (70, 69), (95, 97.9))
"""Chance (middle of its range) and how many percent do belong together: the table in ``meaning/calibration``."""

Points = Sequence[tuple[float, float]]


def text(x: float, y: float, said: str, *, anchor: str = "middle", size: int = 13, colour: str = INK) -> str:
    """A line of text; x is where its anchor is, y its base."""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">'
        f"{html.escape(said)}</text>"
    )


def line(points: Points, *, colour: str = INK, width: float = 1.5, dash: str = "", arrow: bool = False) -> str:
    """A line through points."""
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    more = (f' stroke-dasharray="{dash}"' if dash else "") + (' marker-end="url(#tip)"' if arrow else "")
    return f'<polyline points="{through}" fill="none" stroke="{colour}" stroke-width="{width}"{more}/>'


def box(x: float, y: float, width: float, height: float, *lines: str, colour: str = BLUE) -> str:
    """A box with a heading and lines below it."""
    drawn = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" fill="#fff" stroke="{colour}" stroke-width="1.5"/>'
    ]
    for number, said in enumerate(lines):
        first = number == 0
        drawn.append(
            text(x + width / 2, y + 22 + 17 * number, said, size=14 if first else 11, colour=colour if first else INK)
        )
    return "\n".join(drawn)


def dot(x: float, y: float, said: str, *, colour: str = BLUE) -> str:
    """A person."""
    return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="21" fill="#fff" stroke="{colour}" stroke-width="2"/>\n' + text(
        x, y + 4, said, size=11
    )


def save(name: str, parts: Sequence[str], *, width: int, height: int) -> None:
    """Write a picture; on white, so that it can be read on any page."""
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{INK}"/></marker></defs>'
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="Helvetica, Arial, sans-serif">'
    )
    ground = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    (FOLDER / f"{name}.svg").write_text("\n".join([head, tip, ground, *parts, "</svg>", ""]))


def pipeline() -> None:
    """From words to a plan."""
    steps = [
        (20, 30, ("words", "needs, offers", "in any language"), GREEN),
        (190, 30, ("vectors", "MiniLM and E5,", "kept by content"), GREEN),
        (360, 30, ("near texts", "chance that an offer", "meets a need; frozen"), GREEN),
        (530, 30, ("pairs", "value or NEVER:", "roles, rules, logistics"), BLUE),
        (700, 30, ("prices", "flow on few couples,", "ALL pairs are priced"), BLUE),
        (700, 170, ("whole plan", "round odd trails,", "alternating paths"), BLUE),
        (530, 170, ("nobody left out", "cover, and the barrier", "that proves it"), BLUE),
        (360, 170, ("finish", "integer program over", "what prices leave"), BLUE),
        (190, 170, ("plan and proof", "sentences, terms,", "certificate"), RED),
        (20, 170, ("verify", "independent: looks", "at every pair again"), RED),
    ]
    parts = [box(x, y, 140, 70, *said, colour=colour) for x, y, said, colour in steps]
    parts += [line([(x, 65), (x + 28, 65)], arrow=True) for x in (160, 330, 500, 670)]
    parts.append(line([(770, 100), (770, 168)], arrow=True))
    parts += [line([(x, 205), (x - 28, 205)], arrow=True) for x in (700, 530, 360, 190)]
    parts.append(line([(840, 85), (857, 85), (857, 14), (770, 14), (770, 28)], colour=GREY, arrow=True))
    parts.append(text(762, 18, "violators join", anchor="end", size=11, colour=GREY))
    parts.append(line([(430, 100), (430, 135), (90, 135), (90, 168)], colour=GREY, dash="4 4", arrow=True))
    parts.append(text(260, 130, "the snapshot and its near texts, frozen with the run", size=11, colour=GREY))
    save("pipeline", parts, width=870, height=260)


def order(example: Worked) -> dict[str, int]:
    """Who is who in the canonical order."""
    return {person.id: number for number, person in enumerate(example.known.people)}


def carried(example: Worked) -> list[tuple[int, int, int]]:
    """The couples of the fraction: u, v, halves."""
    edges, halves = example.edges, example.fraction.halves
    return [
        (int(edges.u[k]), int(edges.v[k]), int(halves[k])) for k in range(len(edges)) if halves[k] and edges.w[k] > 0
    ]


def cover(example: Worked) -> None:
    """The couples, and the double cover with one unit of flow out of every left node."""
    at = {"Ama": (60, 90), "Bernd": (60, 250), "Chiara": (160, 170), "Dalia": (260, 170)} | {
        "Emeka": (360, 90),
        "Fumiko": (360, 250),
    }
    parts = [text(210, 30, "the graph; ½: what the fraction takes"), text(640, 30, "its double cover; bold: flow 1")]
    edges, halves = example.edges, example.fraction.halves
    for k in range(len(edges)):
        one, other = (example.name(int(end)) for end in (edges.u[k], edges.v[k]))
        (x1, y1), (x2, y2) = at[one], at[other]
        bold = bool(halves[k])
        parts.append(
            line(
                [(x1, y1), (x2, y2)], colour=RED if bold else GREY, width=3 if bold else 1.5, dash="" if bold else "4 4"
            )
        )
        said = f"{edges.w[k] / MILLION:.3f}".replace("-", "−") + (" ½" if bold else "")
        x, y, side = (x1 + x2) / 2, (y1 + y2) / 2, "middle"
        if x1 == x2:  # on the outside of the picture
            x, side = (x - 8, "end") if x < 200 else (x + 8, "start")
        elif y1 != y2:  # on the inside, clear of the slope
            x, side = (x + 8, "start") if x < 200 else (x - 8, "end")
            y += 12 if y > 170 else -8
        else:
            y -= 13
        parts.append(text(x, y + 4, said, anchor=side, size=11, colour=RED if bold else GREY))
    parts += [dot(x, y, name) for name, (x, y) in at.items()]
    names = sorted(at)
    left = {name: (550, 65 + 48 * number) for number, name in enumerate(names)}
    right = {name: (730, 65 + 48 * number) for number, name in enumerate(names)}
    turning = {("Ama", "Bernd"), ("Bernd", "Chiara"), ("Chiara", "Ama")} | {
        ("Dalia", "Emeka"),
        ("Emeka", "Fumiko"),
        ("Fumiko", "Dalia"),
    }
    place = order(example)
    taken = {frozenset((u, v)) for u, v, _ in carried(example)}
    assert {frozenset((place[a], place[b])) for a, b in turning} == taken, "the picture's two cycles are the fraction's"
    for k in range(len(edges)):
        one, other = (example.name(int(end)) for end in (edges.u[k], edges.v[k]))
        for a, b in ((one, other), (other, one)):
            flows = (a, b) in turning
            ends = [(left[a][0] + 21, left[a][1]), (right[b][0] - 21, right[b][1])]
            parts.append(line(ends, colour=RED if flows else PALE, width=2.5 if flows else 1.2))
    parts += [dot(x, y, f"L {name[0]}") for name, (x, y) in left.items()]
    parts += [dot(x, y, f"R {name[0]}") for name, (x, y) in right.items()]
    save("cover", parts, width=800, height=345)


def rounding(example: Worked) -> None:
    """Two odd cycles of halves: the fraction, what is left when each leaves somebody out, and the plan."""
    at = {"Ama": (45, 75), "Bernd": (45, 195), "Chiara": (115, 135), "Dalia": (185, 135)} | {
        "Emeka": (255, 75),
        "Fumiko": (255, 195),
    }
    edges, halves = example.edges, example.fraction.halves
    alone = np.zeros(len(example.known.people), dtype=np.int64)
    kept = whole_couples(edges, halves, alone=alone)
    rounded = [(int(edges.u[k]), int(edges.v[k]), 2) for k in np.flatnonzero(kept).tolist()]
    place = order(example)
    final = [(place[pair.first], place[pair.second], 2) for pair in example.plan.pairs]
    values = (
        float((halves * edges.w).sum()) / 2 / MILLION,
        float(edges.w[kept].sum()) / MILLION,
        example.plan.value,
    )
    said = ("the fraction", "each odd trail leaves one out", "the plan")
    parts = []
    for number, (couples, title, value) in enumerate(
        zip((carried(example), rounded, final), said, values, strict=True)
    ):
        shift = 300 * number
        for k in range(len(edges)):
            (x1, y1), (x2, y2) = (at[example.name(int(end))] for end in (edges.u[k], edges.v[k]))
            parts.append(line([(x1 + shift, y1), (x2 + shift, y2)], colour=PALE, width=1.5))
        paired = set()
        for u, v, how in couples:
            (x1, y1), (x2, y2) = at[example.name(u)], at[example.name(v)]
            colour = GREEN if how == 2 else RED
            paired |= {u, v}
            parts.append(
                line(
                    [(x1 + shift, y1), (x2 + shift, y2)],
                    colour=colour,
                    width=4 if how == 2 else 2.5,
                    dash="" if how == 2 else "7 4",
                )
            )
        parts += [dot(x + shift, y, name, colour=BLUE if place[name] in paired else RED) for name, (x, y) in at.items()]
        parts.append(text(150 + shift, 30, title, size=14))
        parts.append(text(150 + shift, 245, f"{value:.6f}", size=14))
    save("rounding", parts, width=900, height=262)


def axes(
    x: float, y: float, *, width: float, height: float, across: str, up: str, marks: Sequence[tuple[float, str]]
) -> list[str]:
    """A frame whose lower left corner is (x, y); ``marks``: shares of the height, and what they say."""
    parts = [line([(x, y - height), (x, y), (x + width, y)], colour=GREY)]
    for share, said in marks:
        parts.append(line([(x, y - share * height), (x + width, y - share * height)], colour=PALE, width=1))
        parts.append(text(x - 6, y - share * height + 4, said, anchor="end", size=11))
    parts += [text(x + width / 2, y + 36, across, size=12), text(x, y - height - 12, up, anchor="start", size=12)]
    return parts


def value() -> None:
    """The weaker direction leads; difference has a plateau."""
    wide, high, low = 340.0, 220.0, 280.0
    marks = [(share, f"{share:g}") for share in (0.2, 0.4, 0.6, 0.8, 1.0)]
    parts = axes(
        60,
        low,
        width=wide,
        height=high,
        across="the weaker direction b, where the other is a = 1",
        up="value of both directions",
        marks=marks,
    )
    shares = np.linspace(0, 1, 101)
    lead = [(60 + wide * b, low - high * (0.8 * min(1.0, b) + 0.1 * (1 + b))) for b in shares]
    mean = [(60 + wide * b, low - high * (0.8 * math.sqrt(b) + 0.1 * (1 + b))) for b in shares]
    parts += [line(mean, colour=GREY, width=2, dash="6 4"), line(lead, colour=RED, width=3)]
    parts.append(text(75, 96, "0.8·√(a·b) + 0.1·(a + b)", anchor="start", size=12, colour=GREY))
    parts.append(text(215, 240, "0.8·min(a, b) + 0.1·(a + b)", anchor="start", size=12, colour=RED))
    parts += [text(60 + wide * b, low + 17, f"{b:g}", size=11) for b in (0.0, 0.5, 1.0)]
    marks = [(third / PLATEAU * 0.85, f"{0.04 * third:.2f}") for third in (1, 2, 3)]
    parts += axes(
        500,
        low,
        width=280,
        height=high,
        across="in how many of five respects two people differ",
        up="difference (weight 0.12)",
        marks=marks,
    )
    steps: list[tuple[float, float]] = []
    for count in range(6):
        height = low - high * 0.85 * min(count, PLATEAU) / PLATEAU
        steps += [(505 + 45 * count, height), (550 + 45 * count, height)]
        parts.append(text(527 + 45 * count, low + 17, str(count), size=11))
    parts.append(line(steps, colour=BLUE, width=3))
    save("value", parts, width=800, height=330)


def calibration() -> None:
    """The curves of ``fitted.json`` with the two cuts, and how far they can be trusted."""
    wide, high, low = 380.0, 230.0, 290.0
    marks = [(0.0, "0"), (ASK / THOUSAND, "ask"), (MEETS / THOUSAND, "meets"), (1.0, "1")]
    parts = axes(
        60,
        low,
        width=wide,
        height=high,
        across="cosine in the model's space (centred, damped)",
        up="probability that the offer meets the need",
        marks=marks,
    )
    full, light = stored("full").curves, stored("light").curves[OTHER]
    shares = np.linspace(0, 1, 101)

    def curve(bias: float, weight: float, *, colour: str, dash: str = "") -> str:
        return line(
            [(60 + wide * x, low - high / (1 + math.exp(-(bias + weight * x)))) for x in shares],
            colour=colour,
            width=2.5,
            dash=dash,
        )

    first, second = full[ENGLISH].weights.values()
    (other,) = full[OTHER].weights.values()
    (static,) = light.weights.values()
    parts += [
        curve(full[OTHER].bias, other, colour=BLUE),
        curve(full[ENGLISH].bias, first + second, colour=RED),
        curve(full[ENGLISH].bias, first, colour=RED, dash="5 4"),
        curve(light.bias, static, colour=GREY),
    ]
    legend = (
        ("other languages: E5", BLUE),
        ("English: MiniLM and E5 say the same", RED),
        ("– –  English: MiniLM alone, E5 says 0", RED),
        ("light mode: wordllama", GREY),
    )
    parts += [
        text(300, 200 + 19 * number, said, anchor="start", size=11, colour=colour)
        for number, (said, colour) in enumerate(legend)
    ]
    parts += [text(60 + wide * x, low + 17, f"{x:g}", size=11) for x in (0.0, 0.25, 0.5, 0.75, 1.0)]
    marks = [(share, f"{100 * share:.0f} %") for share in (0.0, 0.5, 1.0)]
    parts += axes(
        570,
        low,
        width=high,
        height=high,
        across="chance (middle of its range)",
        up="of which belong together",
        marks=marks,
    )
    parts.append(line([(570, low), (570 + high, low - high)], colour=GREY, width=1, dash="4 4"))
    found = [(570 + high * said / 100, low - high * true / 100) for said, true in RELIABILITY]
    parts.append(line(found, colour=GREEN, width=2))
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{GREEN}"/>' for x, y in found]
    parts += [text(570 + high * x / 100, low + 17, f"{x} %", size=11) for x in (0, 50, 100)]
    save("calibration", parts, width=830, height=340)


def reliability() -> None:
    """What 400 generated reports say about promises that are too strong, and the correction that is learned from them."""
    found = refit(generated(400, truth=biased, seed=4))
    wide, low = 250.0, 310.0
    marks = [(share, f"{100 * share:.0f} %") for share in (0.0, 0.5, 1.0)]
    parts = axes(60, low, width=wide, height=wide, across="promised: chance · aptness", up="reported", marks=marks)
    parts.append(line([(60, low), (60 + wide, low - wide)], colour=GREY, width=1, dash="4 4"))
    for each in found.bins:
        x = 60 + wide * each.promised
        parts.append(line([(x, low - wide * each.low), (x, low - wide * each.high)], colour=BLUE, width=1.5))
        parts.append(f'<circle cx="{x:.1f}" cy="{low - wide * each.reported:.1f}" r="4" fill="{BLUE}"/>')
    learned = [(60 + wide * each.promised, low - wide * each.learned) for each in found.bins]
    parts.append(line(learned, colour=RED, width=2.5))
    parts.append(text(75, 85, "reported, with 95 %", anchor="start", size=11, colour=BLUE))
    parts.append(text(75, 103, "learned, each from other pairs", anchor="start", size=11, colour=RED))
    parts += axes(410, low, width=wide, height=wide, across="chance by the models", up="chance in the run", marks=marks)
    parts.append(line([(410, low), (410 + wide, low - wide)], colour=GREY, width=1, dash="4 4"))
    curves = [([biased(at / 1000) for at in KNOTS], GREEN, 1.5, "6 4")]
    for size, width in ((20, 1.2), (100, 1.8), (400, 3.0)):
        some = fitted(generated(size, truth=biased, seed=4))
        curves.append(([table_of(some)[at] / 1000 for at in KNOTS], RED, width, ""))
    for curve, colour, width, dash in curves:
        through = [(410 + wide * at / 1000, low - wide * to) for at, to in zip(UNCHANGED, curve, strict=True)]
        parts.append(line(through, colour=colour, width=width, dash=dash))
    parts.append(text(425, 85, "fits to 20, 100 and 400 reports (thicker)", anchor="start", size=11, colour=RED))
    parts.append(text(425, 103, "– –  the truth behind them", anchor="start", size=11, colour=GREEN))
    parts += [text(at + wide * x, low + 17, f"{100 * x:.0f} %", size=11) for at in (60, 410) for x in (0.0, 0.5, 1.0)]
    save("reliability", parts, width=690, height=360)


def main() -> None:
    """All of them."""
    example = worked()
    pipeline()
    cover(example)
    rounding(example)
    value()
    calibration()
    reliability()


if __name__ == "__main__":
    main()
