"""The judgement of sequence ids: sections of ticks in log order, to events. Pure, and the same however they are cut.

The log is cut into ranges anywhere, and ranges are cut into sections; what comes out depends on neither. So nothing is
judged at the start of a section that merely goes on with the run before it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from orderbook.sequence import Chain, Interval, Rule, Section, SequenceEvent, without

# Whether so much open time of the trading session lies between two instants (µs) that the silence is a stall.
StallRule = Callable[[int, int], bool]


class ChainFollower:
    """Follows one symbol in one partition. ``gaps``: those of its epoch with ids missing, if a section may go back."""

    def __init__(
        self, symbol: str, chain: Chain | None, gaps: Iterable[SequenceEvent] = (), stalled: StallRule | None = None
    ) -> None:
        self.symbol = symbol
        self.chain = chain
        self.found: dict[tuple[str, int], SequenceEvent] = {}  # new ones, and what is to be added to a known one
        self.changed: dict[int, SequenceEvent] = {}  # gaps known before of which ids came
        self._gaps = {gap.offset: gap for gap in gaps}
        self._stalled = stalled

    def take(self, section: Section, rule: Rule) -> None:
        """The next section of the log."""
        chain = self.chain
        if chain is None:
            self.chain = _begun(self.symbol, section)
            return
        if self._stalled is not None and self._stalled(chain.last_time, section.first_time):
            self._stall(chain, section)
        if rule == "+1":
            if section.first == chain.last + 1 or not self._judge_break(chain, section):
                self._judge_ids(section)
        elif rule == "increasing" and section.first <= chain.last and not self._judge_break(chain, section):
            self._judge_step_back(section)
        self._advance(section, rule)

    def _judge_break(self, chain: Chain, section: Section) -> bool:
        """Begin a run; True where it is the first of another epoch."""
        is_old = section.first_time <= chain.last_time or section.first == chain.highest
        if section.first > chain.highest or is_old or self._is_missing(section.first):
            self.chain = _with_run(chain, section, chain.last_time)
            return False
        begun = _with_run(_begun(self.symbol, section), section, chain.last_time)
        self.chain = begun._replace(last_time=max(chain.last_time, section.last_time))
        self._gaps = {}
        self._found("reset", chain.last, section.first, 1)
        return True

    def _is_missing(self, number: int) -> bool:
        return any(first <= number <= last for gap in self._gaps.values() for first, last in gap.missing)

    def _judge_step_back(self, section: Section) -> None:
        """Under ``increasing`` which ids there were is not known: only where they went back to."""
        assert self.chain is not None
        if section.first <= self.chain.highest:
            kind = "repeat" if section.first == self.chain.highest else "reorder"
            self._found(kind, section.first, section.first, 1)

    def _judge_ids(self, section: Section) -> None:
        assert self.chain is not None
        chain, first, last = self.chain, section.first, section.last
        if first > chain.highest + 1:
            self._gap(section)
        if first < chain.lowest:
            end = min(last, chain.lowest - 1)
            self._found("reorder", first, end, end - first + 1)
        if first <= chain.highest and last >= chain.lowest:
            repeated = self._fill(max(first, chain.lowest), min(last, chain.highest))
            if repeated:
                count = sum(end - start + 1 for start, end in repeated)
                self._found("repeat", repeated[0][0], repeated[-1][1], count)

    def _gap(self, section: Section) -> None:
        assert self.chain is not None
        first, last = self.chain.highest + 1, section.first - 1
        self._found("gap", first, last, last - first + 1, missing=((first, last),))
        self._gaps[section.first_offset] = self.found["gap", section.first_offset]

    def _fill(self, start: int, end: int) -> tuple[Interval, ...]:
        """Take what came out of what is missing; returns the ids that were not missing."""
        repeated: tuple[Interval, ...] = ((start, end),)
        for offset, gap in self._gaps.items():
            left = replace(gap, missing=without(gap.missing, start, end))
            if left == gap:
                continue
            for first, last in gap.missing:
                repeated = without(repeated, first, last)
            self._gaps[offset] = left
            if ("gap", offset) in self.found:
                self.found["gap", offset] = left
            else:
                self.changed[offset] = left
        return repeated

    def _found(self, kind: str, first: int, last: int, count: int, missing: tuple[Interval, ...] = ()) -> None:
        assert self.chain is not None
        chain = self.chain
        event = SequenceEvent(
            symbol=self.symbol,
            kind=kind,
            offset=chain.run_offset,
            after_offset=chain.highest_offset if kind == "gap" else chain.run_offset,
            epoch_offset=chain.epoch_offset,
            first=first,
            last=last,
            count=count,
            after_time=chain.run_after_time,
            time=chain.run_time,
            missing=missing,
        )
        known = self.found.get((kind, event.offset))
        self.found[kind, event.offset] = event if known is None else added(known, event)

    def _stall(self, chain: Chain, section: Section) -> None:
        self.found["stall", section.first_offset] = SequenceEvent(
            symbol=self.symbol,
            kind="stall",
            offset=section.first_offset,
            after_offset=section.first_offset,
            epoch_offset=chain.epoch_offset,
            first=chain.last,
            last=section.first,
            count=1,
            after_time=chain.last_time,
            time=section.first_time,
        )

    def _advance(self, section: Section, rule: Rule) -> None:
        assert self.chain is not None
        last_time = max(self.chain.last_time, section.last_time)
        chain = self.chain._replace(last=section.last, last_offset=section.last_offset, last_time=last_time)
        if section.last > chain.highest or rule == "none":
            chain = chain._replace(highest=section.last, highest_offset=section.last_offset)
        self.chain = chain


def _begun(symbol: str, section: Section) -> Chain:
    return Chain(
        symbol=symbol,
        epoch_offset=section.first_offset,
        run_offset=section.first_offset,
        run_time=section.first_time,
        run_after_time=section.first_time,
        lowest=section.first,
        highest=section.last,
        highest_offset=section.last_offset,
        last=section.last,
        last_offset=section.last_offset,
        last_time=section.last_time,
    )


def _with_run(chain: Chain, section: Section, after_time: int) -> Chain:
    return chain._replace(
        run_offset=section.first_offset,
        run_time=section.first_time,
        run_after_time=after_time,
    )


def added(known: SequenceEvent, more: SequenceEvent) -> SequenceEvent:
    """An event of a run that went on: ``known`` with what came since."""
    return replace(known, last=more.last, count=known.count + more.count)


def may_go_back(chain: Chain | None, sections: Iterable[Section]) -> bool:
    """Whether some section begins at or below an id that was there before: then it may fill a gap."""
    highest = None if chain is None else chain.highest
    for section in sections:
        if highest is not None and section.first <= highest:
            return True
        highest = section.last if highest is None else max(highest, section.last)
    return False
