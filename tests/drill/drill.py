"""The drill: load, bursts of faults, recovery after each, and from time to time a judgement of everything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console

from chassis.failures import DATABASE_AWAY
from deploy.contracts import specs
from tests.drill import meddling
from tests.drill.erasing import take_notes
from tests.drill.guests import come_and_go
from tests.drill.ledger import Books, collect, count_facts
from tests.drill.load import chat, live, settle_in, small_partners
from tests.drill.oracle import Fault as Wrong, Finding, Ledger, counts, judge
from tests.drill.plan import DEPLOYABLES, KILLS, Burst, Fault, Kind, plan
from tests.drill.recovering import Watch
from tests.drill.stubborn import Journal, StubbornClient, StubbornStage
from tests.drill.target import Target

_CHATS = 2
_RECOVERY_WITHIN = 90.0
_STOP_WITHIN = 240.0
_STRIKE_AGAIN_WITHIN = 30.0
_SHOWN = 20
_HTTP_PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What kind of drill. ``chapter``: kills until everything is brought to rest and judged."""

    kills: int
    seed: int
    chapter: int = 50


@dataclass
class Drill:
    """One drill on one platform."""

    target: Target
    wish: Wish
    say: Callable[[str], None]
    journal: Journal = field(default_factory=Journal)
    struck: list[tuple[float, str]] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    meddled: set[UUID] = field(default_factory=set)
    stuck: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    kills: int = 0
    bursts: int = 0
    lifted: float = 0.0  # when the last of a burst's faults began to be undone
    cohorts: int = 0

    def __post_init__(self) -> None:
        self.random = Random(f"{self.wish.seed} meddling")
        target = self.target
        self.books = Books(target.admin_dsn, target.app_dsns, target.kafka, specs())
        self.watch = Watch(self.books, target.urls())
        self._locks = {name: asyncio.Lock() for name in (*DEPLOYABLES, "broker", "database")}

    async def run(self) -> dict[str, Any]:
        """All of it; the result's figures."""
        started = time.monotonic()
        limits = httpx.Limits(max_connections=24)
        async with httpx.AsyncClient(timeout=_HTTP_PATIENCE, limits=limits) as http:
            operator = StubbornClient(
                http, self.target.gateway_url, self.target.token("operator", "root"), "the operator", self.journal
            )
            stage = StubbornStage(
                self.target,
                http,
                Console(quiet=True),
                small_partners(),
                operator,
                journal=self.journal,
                real_time=self.target.real_time,
            )
            await take_notes(self.books)
            await settle_in(stage)
            self.say(
                f"{len(stage.people)} people are here after {time.monotonic() - started:.0f} s; seed {self.wish.seed}"
            )
            loaded = time.monotonic()
            bursts = list(plan(self.wish.seed, kills=self.wish.kills))
            while bursts and not self.findings and not self.stuck:
                await self._chapter(stage, bursts)
            seconds = time.monotonic() - loaded
        return await self._result(seconds)

    # ---- a chapter: some bursts under load, then rest and judgement -------------------------------------------------------

    async def _chapter(self, stage: StubbornStage, bursts: list[Burst]) -> None:
        stop = asyncio.Event()
        people = [
            asyncio.create_task(self._people(partial(self._cohorts, stage, stop), stop)),
            *(
                asyncio.create_task(
                    self._people(partial(chat, stage, random=Random(f"{self.wish.seed} {number}"), stop=stop), stop)
                )
                for number in range(_CHATS)
            ),
            asyncio.create_task(
                self._people(partial(come_and_go, stage, random=Random(f"{self.wish.seed} guests"), stop=stop), stop)
            ),
        ]
        until = self.kills + self.wish.chapter
        while bursts and self.kills < until:
            await self._burst(stage, bursts.pop(0))
        stop.set()
        _, late = await asyncio.wait(people, timeout=_STOP_WITHIN)
        for task in late:
            self.stuck.append(f"people were still busy {_STOP_WITHIN:.0f} s after they were asked to stop")
            task.cancel()
        await asyncio.gather(*people, return_exceptions=True)
        await self._judge()

    async def _cohorts(self, stage: StubbornStage, stop: asyncio.Event) -> None:
        self.cohorts += await live(stage, stop=stop)

    async def _people(self, do: Callable[[], Any], stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await do()
            except Exception as error:
                self.stuck.append(f"{type(error).__name__}: {error}")
                self.say(f"  people are stuck: {error}")
                await asyncio.sleep(1)

    # ---- a burst ------------------------------------------------------------------------------------------------------------

    async def _burst(self, stage: StubbornStage, burst: Burst) -> None:
        await asyncio.sleep(burst.quiet)
        self.lifted = time.monotonic()
        strikes = []
        for fault in burst.faults:
            strikes.append(asyncio.create_task(self._strike(stage, fault)))
            await asyncio.sleep(burst.gap)
        skipped = [why for why in await asyncio.gather(*strikes) if why]
        undone = time.monotonic() - self.lifted
        seconds, missing = await self.watch.recovered(within=_RECOVERY_WITHIN)
        seconds += undone
        self.bursts += 1
        self.recoveries.append(seconds)
        what = ", ".join(map(str, burst.faults)) + "".join(f" ({why})" for why in skipped)
        facts = await count_facts(self.books)
        self.say(f"{self.kills:4} kills, {facts:6} facts; burst {burst.number}: {what}; recovered in {seconds:.1f} s")
        if missing:
            self.stuck.append(f"not recovered {seconds:.0f} s after burst {burst.number} ({what}): {missing}")
            self.say(f"  {self.stuck[-1]}")

    async def _strike(self, stage: StubbornStage, fault: Fault) -> str:
        """Do it, and undo it; why it was left out, if it was."""
        deadline = time.monotonic() + _STRIKE_AGAIN_WITHIN
        while True:
            try:
                return await self._strike_once(stage, fault)
            except meddling.Meddled as away:
                return str(away)
            except DATABASE_AWAY as error:
                if time.monotonic() > deadline:
                    return f"{fault.kind} was left out: {error!r}"
                await asyncio.sleep(0.3)

    async def _strike_once(self, stage: StubbornStage, fault: Fault) -> str:
        match fault.kind:
            case Kind.KILL | Kind.AWAY:
                async with self._locks[fault.part]:
                    self._note(fault)
                    await asyncio.to_thread(self.target.kill, fault.part)
                    await asyncio.sleep(fault.seconds)
                    self.lifted = time.monotonic()
                    await asyncio.to_thread(self.target.revive, fault.part)
            case Kind.PAUSE:
                async with self._locks[fault.part]:
                    self._note(fault)
                    self.target.pause(fault.part)
                    try:
                        await asyncio.sleep(fault.seconds)
                    finally:
                        self.lifted = time.monotonic()
                        self.target.resume(fault.part)
            case Kind.KILL_RELAY:
                deadline = time.monotonic() + _STRIKE_AGAIN_WITHIN
                while not await meddling.end_relay(self.books, fault.part):
                    if time.monotonic() > deadline:
                        return "the relay had no session to kill"
                    await asyncio.sleep(0.1)  # it is about to come back from something else
                self._note(fault)
            case Kind.DUPLICATE:
                # Not while the broker starts: our own client would make its topics.
                async with self._locks["broker"]:
                    keys = await meddling.duplicate(self.books, f"viceversa.{fault.part}", random=self.random)
                self.meddled.update(keys)
                self._note(fault)
            case Kind.GARBAGE:
                async with self._locks["broker"]:
                    await meddling.garbage(self.books, f"viceversa.{fault.part}", random=self.random)
                self._note(fault)
            case Kind.REORDER:
                await self._reorder(stage, fault)
            case Kind.POISON:
                await self._poison(stage, fault)
        return ""

    async def _reorder(self, stage: StubbornStage, fault: Fault) -> None:
        somebody = self.random.choice(list(stage.people.values()))
        # The broker first: whoever brings it back holds the relays, and would wait for the one that we hold.
        async with self._locks["broker"], meddling.relay_held(self.books, fault.part) as connection:
            self.meddled.add(UUID(somebody.person_id))
            self._note(fault)
            await self._rename(somebody, times=3)
            await meddling.publish_newest_first(connection, self.books, fault.part, keys=[UUID(somebody.person_id)])

    async def _poison(self, stage: StubbornStage, fault: Fault) -> None:
        somebody = self.random.choice(list(stage.people.values()))
        await meddling.poison(self.books, fault.part, UUID(somebody.person_id))
        self._note(fault)
        try:
            await self._rename(somebody, times=2)
            await asyncio.sleep(fault.seconds)
        finally:
            self.lifted = time.monotonic()
            await self._insist(lambda: meddling.cure(self.books, fault.part))
        await self._insist(lambda: self._redriven(fault.part))

    async def _rename(self, somebody: Any, *, times: int) -> None:
        for _ in range(times):
            title = f"Drill {self.random.randrange(100_000)}"
            await somebody.client.do("saveProfile", {"personId": somebody.person_id, "jobTitle": title})

    async def _redriven(self, service: str) -> None:
        # Facts that were on their way when the cause was mended may be parked behind the others a moment later.
        quiet = 0
        while quiet < 3:
            waiting = await meddling.redrive(self.target, service)
            async with self.books.open(service) as connection:
                parked = await connection.fetchval("SELECT count(*) FROM parked WHERE redriven_at IS NULL")
            quiet = 0 if waiting or parked else quiet + 1
            await asyncio.sleep(0.3)

    async def _insist(self, do: Callable[[], Any]) -> None:
        deadline = time.monotonic() + _RECOVERY_WITHIN
        while True:
            try:
                async with asyncio.timeout(_STRIKE_AGAIN_WITHIN):
                    await do()
            except (*DATABASE_AWAY, httpx.HTTPError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.3)
            else:
                return

    def _note(self, fault: Fault) -> None:
        self.struck.append((time.time(), str(fault)))
        self.kills += fault.kind in KILLS

    # ---- judgement ----------------------------------------------------------------------------------------------------------

    async def _judge(self) -> None:
        for _ in range(4):
            await self._come_to_rest()
            before = await count_facts(self.books)
            self.ledger = await collect(
                self.books,
                journal=self.journal,
                arrived=await asyncio.to_thread(self.target.arrived),
                meddled=frozenset(self.meddled),
                topics_whole=True,
            )
            self.findings = judge(self.ledger)
            if before == await count_facts(self.books):
                break  # nothing moved while we looked
        self.say(f"judged {len(self.ledger.facts)} facts after {self.kills} kills: {len(self.findings)} findings")
        for finding in self.findings[:_SHOWN]:
            self.say(f"  {finding.fault}: {finding.what}{self._before(finding)}")
        if len(self.findings) > _SHOWN:
            self.say(f"  … and {len(self.findings) - _SHOWN} more")

    def _before(self, finding: Finding) -> str:
        if not finding.at:
            return ""
        before = [what for at, what in self.struck if at <= finding.at]
        after = next((what for at, what in self.struck if at > finding.at), "nothing more")
        return f"\n    committed {_clock(finding.at)}, after {before[-1] if before else 'no fault'}, before {after}"

    async def _come_to_rest(self) -> None:
        seconds, missing = await self.watch.recovered(within=_RECOVERY_WITHIN)
        if missing:
            self.say(f"  not at rest after {seconds:.0f} s: {missing}")
        deadline = time.monotonic() + 60
        still, last = 0, -1
        while still < 4 and time.monotonic() < deadline:
            with suppress(*DATABASE_AWAY):
                async with self.books.open("notifications") as connection:
                    busy = await connection.fetchval(
                        "SELECT count(*) FROM mail WHERE state IN ('claimed', 'sending', 'taken')"
                    )
                now = await count_facts(self.books) + await asyncio.to_thread(
                    lambda: sum(self.target.arrived().values())
                )
                still, last = (still + 1, now) if now == last and not busy else (0, now)
            await asyncio.sleep(0.4)
        await self.watch.recovered(within=_RECOVERY_WITHIN)

    async def _result(self, seconds: float) -> dict[str, Any]:
        found = counts(self.findings)
        mails = self.ledger.mails
        return {
            "kills": self.kills,
            "facts": len(self.ledger.facts),
            "lost": found[Wrong.LOST],
            "double": found[Wrong.DOUBLE],
            "out_of_order": found[Wrong.OUT_OF_ORDER],
            "longest_recovery_s": round(max(self.recoveries, default=0), 1),
            "seed": self.wish.seed,
            "stuck": len(self.stuck),
            "target": self.target.name,
            "faults": len(self.struck),
            "mean_recovery_s": round(sum(self.recoveries) / max(1, len(self.recoveries)), 1),
            "effects": sum(len(consumer.seen) for consumer in self.ledger.consumers),
            "commands": len(self.journal.answers),
            "asked_again": self.journal.asked_again,
            "cohorts": self.cohorts,
            "erased": len(self.ledger.erased),
            "forgotten": sum(fact.forgotten for fact in self.ledger.facts),
            "mails": sum(mail.arrived for mail in mails),
            "mails_in_doubt": sum(mail.state == "doubtful" for mail in mails),
            "seconds": round(seconds),
            "facts_per_s": round(len(self.ledger.facts) / max(1.0, seconds), 1),
            "memory_mb": await asyncio.to_thread(self.target.memory_mb),
        }


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
