"""The policy against an oracle: whatever the log and the workers do, the ledger's invariants hold (I3 to I6)."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orderbook.drain.policy import LOW_PASSES_TO_HALT, CutPolicy
from orderbook.stream.topics import LogBounds
from tests.unit.drain.oracle import ModelLedger, ModelLog, ModelRange

few = st.integers(1, 30)


class Partition(RuleBasedStateMachine):
    """One partition: its log, its ledger, its drainers and its workers."""

    def __init__(self) -> None:
        super().__init__()
        self.log = ModelLog()
        self.now = 0
        self.seen = (0, 0)  # planned and committed
        self.landed: set[int] = set()
        self.low_answers = 0
        self.passed = 0  # the log start as drainers saw it
        self.answers: list[tuple[LogBounds, int]] = []  # of Kafka, not yet used

    @initialize(size=st.integers(1, 12), window=st.integers(1, 4), start=st.integers(0, 20), length=few)
    def begin(self, size: int, window: int, start: int, length: int) -> None:
        self.log = ModelLog(start, start + length)
        self.ledger = ModelLedger(CutPolicy(size, window), start, start, start)
        self.seen = (start, start)
        self.passed = start

    @rule(count=few)
    def the_log_grows(self, count: int) -> None:
        self.log.end += count

    @rule(count=few)
    def the_log_start_moves(self, count: int) -> None:
        self.log.start = min(self.log.start + count, self.log.end)

    @rule()
    def another_broker_leads(self) -> None:
        self.log.epoch += 1

    @rule()
    def a_drainer_asks_kafka(self) -> None:
        self.now += 1
        self.answers.append((self.log.bounds(), self.now))

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def a_drainer_passes(self, data: Any) -> None:
        """With any answer that is still about, however long ago it was asked for."""
        bounds, asked = self.answers.pop(data.draw(st.integers(0, len(self.answers) - 1)))
        self._pass(bounds, asked)

    @rule(below=few)
    def a_drainer_gets_a_low_answer(self, below: int) -> None:
        """A follower that has just become leader knows less of the log."""
        self.now += 1
        low = LogBounds(self.log.start, max(self.log.start, self.log.end - below), self.log.epoch)
        self.low_answers += 1
        self._pass(low, self.now)

    def _pass(self, bounds: LogBounds, asked: int) -> None:
        before, halted = self.ledger.planned, self.ledger.halted
        self.now += 1
        self.ledger.drain(bounds, asked, self.now)
        if not halted and self.ledger.drained_at == self.now:
            self.passed = max(self.passed, bounds.start)
            assert self.ledger.planned <= max(before, bounds.end, bounds.start)
            assert not any(r.start < bounds.start and not r.held for r in self.ledger.open())

    @precondition(lambda self: self.ledger.open())
    @rule(data=st.data())
    def a_worker_takes_a_range(self, data: Any) -> None:
        self._pick(data).held = True

    @precondition(lambda self: self.ledger.open())
    @rule(data=st.data())
    def a_worker_goes_away(self, data: Any) -> None:
        self._pick(data).held = False

    @precondition(lambda self: self.ledger.open())
    @rule(data=st.data())
    def a_worker_lands_a_range_or_its_head(self, data: Any) -> None:
        row = self._pick(data)
        if row.start < self.log.start:
            return  # out of range: the attempt fails
        position = data.draw(st.integers(row.start + 1, row.end))
        offsets = set(range(row.start, position))
        assert not offsets & self.landed
        self.landed |= offsets
        self.ledger.finish(row, position)

    @precondition(lambda self: self.ledger.halted)
    @rule()
    def an_operator_resumes(self) -> None:
        self.ledger.halted, self.ledger.low_passes, self.low_answers = None, 0, 0

    def _pick(self, data: Any) -> ModelRange:
        return data.draw(st.sampled_from(self.ledger.open()))

    @invariant()
    def ranges_tile_what_is_planned(self) -> None:
        expected = self.ledger.origin
        for row in sorted(self.ledger.ranges, key=lambda r: r.start):
            assert row.start == expected
            assert row.start < row.end
            expected = row.end
        assert expected == self.ledger.planned

    @invariant()
    def the_prefix_is_where_the_first_open_range_begins_or_before(self) -> None:
        first = self.ledger.open()
        actual = first[0].start if first else self.ledger.planned
        assert self.ledger.projected <= self.ledger.committed <= actual <= self.ledger.planned

    @invariant()
    def nothing_goes_back(self) -> None:
        planned, committed = self.seen
        self.seen = (self.ledger.planned, self.ledger.committed)
        assert self.seen[0] >= planned
        assert self.seen[1] >= committed

    @invariant()
    def a_drainer_opens_no_more_than_the_window(self) -> None:
        # a range that is cut in two adds one, once for each that a worker lands in part
        whole = [
            r for r in self.ledger.open() if r.epoch is not None and r.end - r.start == self.ledger.policy.max_offsets
        ]
        assert len(whole) <= self.ledger.policy.max_open

    @invariant()
    def lost_is_what_the_log_start_passed_and_nobody_landed(self) -> None:
        lost = {n for r in self.ledger.ranges if r.state == "lost" for n in range(r.start, r.end)}
        announced = [n for start, end in self.ledger.alarms for n in range(start, end)]
        assert sorted(announced) == sorted(lost)
        assert not lost & self.landed
        assert all(n < self.passed for n in lost)

    @invariant()
    def halts_come_only_from_answers_that_were_low(self) -> None:
        """An old answer is not a low one, and of a log that was never cut no epoch goes back."""
        assert self.ledger.low_passes < LOW_PASSES_TO_HALT
        assert self.ledger.halted in {None, "low_end"}
        assert self.ledger.halted is None or self.low_answers >= LOW_PASSES_TO_HALT

    def teardown(self) -> None:
        """The faults stop: the prefix reaches the end, and every offset is in one place."""
        if not hasattr(self, "ledger"):
            return
        self.ledger.halted, self.ledger.low_passes = None, 0
        for _ in range(2 * (self.log.end + 10)):
            self.now += 1
            self._pass(self.log.bounds(), self.now)
            if self.ledger.committed >= self.log.end:
                break
            for row in self.ledger.open():
                row.held = False
                if row.start >= self.log.start:
                    self.landed |= set(range(row.start, row.end))
                    self.ledger.finish(row, row.end)
        assert self.ledger.committed == self.ledger.planned == max(self.log.end, self.ledger.planned)
        lost = {n for r in self.ledger.ranges if r.state == "lost" for n in range(r.start, r.end)}
        assert self.landed | lost == set(range(self.ledger.origin, self.ledger.planned))
        assert not self.landed & lost


TestPartition = Partition.TestCase
TestPartition.settings = settings(max_examples=150, stateful_step_count=60)
