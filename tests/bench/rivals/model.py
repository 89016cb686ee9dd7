"""The tick as a careful author writes it with pydantic: the rules that this pipeline applies, declared."""

from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

Symbol = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[!-~]([ -~]*[!-~])?$")]
Positive = Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=9)]
OLDEST, NEWEST = 7 * 86_400, 300  # seconds before and after the broker's time


class Tick(BaseModel):
    model_config = ConfigDict(extra="forbid")

    symbol: Symbol
    event_time: AwareDatetime
    received_time: AwareDatetime
    bid_price: Positive
    ask_price: Positive
    bid_volume: Positive
    ask_volume: Positive
    sequence_id: Annotated[int, Field(ge=0, lt=2**63)]

    @model_validator(mode="after")
    def is_not_crossed(self) -> Self:
        if self.bid_price >= self.ask_price:
            raise ValueError("crossed")
        return self


parse = Tick.__pydantic_validator__.validate_json


def judge(message: Any) -> Tick | None:
    """The tick in a message of confluent-kafka; None where it is not valid."""
    try:
        tick: Tick = parse(message.value())
    except ValidationError:
        return None
    age = message.timestamp()[1] / 1000 - tick.event_time.timestamp()
    return tick if -NEWEST <= age <= OLDEST else None
