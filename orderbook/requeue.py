"""Rejects judged again by the rules of now. The broker's time was kept, so a late judge judges as the first one did."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orderbook.ingest.validator import Validator
from orderbook.profiles import Fault
from orderbook.store.ledger.requeue import OpenReject
from orderbook.stream.records import Record
from orderbook.tick import OrderBookTick, microseconds


@dataclass(frozen=True, slots=True)
class SecondVerdict:
    """What a reject was judged before, and what it is judged now."""

    reject: OpenReject
    now: OrderBookTick | Fault

    @property
    def tick(self) -> OrderBookTick | None:
        """The tick to store; None where it is still not acceptable."""
        return None if isinstance(self.now, Fault) else self.now

    def __str__(self) -> str:
        now = self.now.reason if isinstance(self.now, Fault) else f"{self.now.symbol} {self.now.sequence_id}"
        return f"{self.reject.place}  {self.reject.reason} → {now}"


def judge_again(rejects: Iterable[OpenReject], validator: Validator) -> Iterator[SecondVerdict]:
    """Judge each reject by ``validator``. One that ended a process is not touched again: it stays as it is."""
    for reject in rejects:
        if reject.reason == "poison":
            yield SecondVerdict(reject, Fault("poison", None, "it ended the process that judged it"))
        else:
            yield SecondVerdict(reject, validator.judge_one(_record(reject)))


def _record(reject: OpenReject) -> Record:
    stamp = -1 if reject.broker_time is None else microseconds(reject.broker_time) // 1000
    return Record(reject.place.offset, stamp, reject.key, reject.value, reject.version)
