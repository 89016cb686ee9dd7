"""One range, from the log into Postgres: take it, read it, judge it, land it; or give it back.

Durable are only the taking (T0) and the landing (T2). Everything between can be thrown away, by us or by a SIGKILL.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from structlog.contextvars import bind_contextvars, unbind_contextvars

from orderbook import metrics
from orderbook.clock import monotonic, utc_now
from orderbook.crashpoints import crashpoint, crashpoint_within
from orderbook.errors import Halt, NotOurs, OutOfTime, Unavailable
from orderbook.ingest.isolation import ChildStuck
from orderbook.ingest.validator import Judge, Judged, reject
from orderbook.ingest.witness import Witness
from orderbook.logs import Outage, range_label
from orderbook.profiles import Fault
from orderbook.store.days import MOST_NEW_DAYS, make_day, missing_days
from orderbook.store.ledger.claims import Claim, Claims, Session
from orderbook.store.ledger.landing import Landing, Load, Summarise, rows_without
from orderbook.store.ledger.rejects import Reject
from orderbook.stream.batch import Batch, FetchLimits, RangeFetcher

log = structlog.get_logger(__name__)

DEATHS_TO_SUSPECT = 2


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """How much one attempt may read, and for how long it holds its range."""

    fetch_bytes: int = 8 * 2**20  # 20,000 ticks of 400; a process holds some copies of them
    fetch_seconds: float = 20
    landing_lease_seconds: float = 20  # longer than the landing transaction may last
    go_on_seconds: float = 1  # with the ranges that follow: a drain that waits for this worker waits no longer


SuspectReader = Callable[[Claim, Callable[[], None]], tuple[Batch, Judged]]
Announce = Callable[[pa.Table, int, int], None]  # ticks that are committed, their generation and partition


@dataclass(slots=True)
class _Run:
    """Where a run of ranges is."""

    range_id: int
    claim: Claim | None = None
    rows: int = 0


class Ingestor:
    """Lands ranges of one topic. Make one per process, after the fork; ``run`` is one attempt.

    ``isolate`` reads and judges a suspect range in a process of its own: one that may have killed two workers.
    ``summarise`` says what the ledger keeps of the ticks. ``announce`` is told what was committed; it must
    neither block nor fail.
    """

    def __init__(
        self,
        claims: Claims,
        fetcher: Callable[[], RangeFetcher],
        witness: Witness,
        *,
        judge: Judge,
        landing: Landing,
        isolate: SuspectReader,
        summarise: Summarise,
        policy: AttemptPolicy,
        name: str,
        announce: Announce = lambda _ticks, _generation, _partition: None,
    ) -> None:
        self._claims = claims
        self._make_fetcher = fetcher
        self._witness = witness
        self._judge = judge
        self._landing = landing
        self._isolate = isolate
        self._summarise = summarise
        self._policy = policy
        self._name = name
        self._announce = announce
        self._outage = Outage(log, "range given back")
        self._fetcher: RangeFetcher | None = None
        self._days: set[date] = set()  # that were there when we last looked

    def run(self, range_id: int) -> int:
        """One attempt at a range, and at those that follow it for a while; returns the rows landed.

        Going on in the same partition uses what the client has read ahead. Never raises for bad data, a lost race, or
        an outage once the range is taken; before that, ``Unavailable``.
        """
        at = _Run(range_id)
        unbind_contextvars("range")
        try:
            with self._claims.session() as session:
                failure = self._failure_of(session, at)
            if failure is not None:
                self._give_back(session, at, failure)
        finally:
            unbind_contextvars("range")
            if self._fetcher is not None:
                self._fetcher.rest()
        return at.rows

    def _go_on(self, session: Session, at: "_Run") -> None:
        deadline = monotonic() + self._policy.go_on_seconds
        at.claim = session.claim(at.range_id)
        while at.claim is not None:
            claim, at.range_id = at.claim, at.claim.id
            # every line from here on names it, whoever writes it
            bind_contextvars(range=range_label(self._name, claim.partition, claim.start, claim.end))
            stored, position = self._attempt(session, claim)
            at.rows += stored
            at.claim = session.claim_following(claim, position) if monotonic() < deadline else None

    def _failure_of(self, session: Session, at: "_Run") -> Exception | None:
        """Go on while there is something to go on with; what ended it before, as the operator is told."""
        try:
            self._go_on(session, at)
        except NotOurs as error:
            log.info("range taken over", range_id=at.range_id, reason=str(error))
            return error
        except Unavailable as error:
            self._outage.goes_on(error, range_id=at.range_id)
            return error
        except Halt as error:
            log.error(  # noqa: TRY400 - an operator's line, the traceback says nothing more
                "partition halted", range_id=at.range_id, reason=error.reason, detail=error.detail
            )
            return error
        except ChildStuck as error:
            log.warning("suspect range not judged", range_id=at.range_id, error=str(error))
            return error
        except Exception as error:
            self._give_back(session, at, error)
            raise
        return None

    def _give_back(self, session: Session, at: "_Run", failure: Exception) -> None:
        environment = isinstance(failure, Unavailable | Halt)
        if environment:
            self.close()
        halve = isinstance(failure, OutOfTime)
        self._claims.give_back(at.range_id, session.holder, environment=environment, halve=halve)
        if isinstance(failure, Halt) and at.claim is not None:
            self._claims.halt(at.claim, failure.reason, failure.detail)

    def _attempt(self, session: Session, claim: Claim) -> tuple[int, int]:
        renew = session.renewing(claim)
        began = monotonic()
        if claim.deaths:
            metrics.RANGE_DEATHS_SEEN.count()
        if claim.deaths >= DEATHS_TO_SUSPECT:
            log.warning("range suspect", deaths=claim.deaths)
            batch, judged = self._isolate(claim, renew)
            fetched = monotonic()
            vouch = self._witness.ask()
        else:
            batch = self._fetch(claim, renew)
            fetched = monotonic()
            vouch = self._witness.ask()  # answered while the records are judged
            crashpoint("after_fetch")
            crashpoint_within(f"judge.{claim.partition}", claim.start, batch.position)
            renew()
            judged = self._judge.judge(batch.records)
        validated = monotonic()
        vouch(claim)
        load = self._load(session, claim, batch, judged, fetched)
        session.renew(claim, self._policy.landing_lease_seconds)
        stored, refused = self._landing.land(session, claim, load)
        metrics.INGEST_DURATION.observe(fetched - began, "fetch")
        metrics.INGEST_DURATION.observe(validated - fetched, "validate")
        if batch.records and (appended := batch.records[0].broker_time) is not None:
            metrics.END_TO_END.observe(max(0.0, (utc_now() - appended).total_seconds()))  # clocks may differ
        self._outage.is_over()
        self._announce(rows_without(load.ticks, refused), claim.generation, claim.partition)
        self._report(claim, load, stored, refused, judged)
        return stored, load.position

    def _fetch(self, claim: Claim, renew: Callable[[], None]) -> Batch:
        if self._fetcher is None:
            self._fetcher = self._make_fetcher()
        limits = FetchLimits(
            self._policy.fetch_bytes, self._policy.fetch_seconds, poll_seconds=self._claims.lease_seconds / 3
        )
        return self._fetcher.fetch(claim.partition, claim.start, claim.wanted_end, limits, renew)

    def _load(self, session: Session, claim: Claim, batch: Batch, judged: Judged, fetched: float) -> Load:
        position = min(batch.position, self._make_days(session, judged) or batch.position)
        ticks, rejects = judged.ticks, judged.rejects
        if position < batch.position:
            ticks = ticks.filter(pc.less(ticks["kafka_offset"], position))
            rejects = [r for r in rejects if r.offset < position]

        def refuse(offset: int, detail: str) -> Reject:
            record = next(record for record in batch.records if record.offset == offset)
            return reject(record, Fault("refused", None, detail))

        gaps = batch.gaps(position)
        return Load(ticks, rejects, gaps, position, refuse, self._summarise, fetched)

    def _make_days(self, session: Session, judged: Judged) -> int | None:
        """Make the days that the rows need; returns the offset of the first row that must wait for another landing."""
        if judged.ticks.num_rows == 0:
            return None
        days = pc.cast(pc.floor_temporal(judged.ticks["event_time"], unit="day"), "date32")
        wanted = set(pc.unique(days).to_pylist())
        missing = set(missing_days(session.connection, wanted - self._days)) if wanted - self._days else set()
        self._days = wanted - missing  # one that is dropped since fails the landing: closing forgets them all
        made: set[date] = set()
        for day, offset in (
            zip(days.to_pylist(), judged.ticks["kafka_offset"].to_pylist(), strict=True) if missing else ()
        ):
            if day in missing and day not in made:
                if len(made) == MOST_NEW_DAYS:
                    return int(offset)
                make_day(session.connection, day)
                made.add(day)
        return None

    def _report(self, claim: Claim, load: Load, stored: int, refused: Sequence[Reject], judged: Judged) -> None:
        rest = {"rest_from": load.position} if load.position < claim.end else {}
        counts = Counter(r.reason for r in (*load.rejects, *refused))
        log.info("range landed", ok=stored, bad=counts.total(), gaps=load.gaps, **rest)
        if counts:
            log.warning("ticks rejected", **counts)
        if judged.floored_times or judged.unknown_fields:
            log.info("ticks trimmed", times=judged.floored_times, fields=judged.unknown_fields)

    def close(self) -> None:
        """Close the clients; the next attempt makes new ones. After an outage a stalled one may stay so for ever."""
        if self._fetcher is not None:
            self._fetcher.close()
        self._fetcher = None
        self._witness.close()
        self._days = set()
