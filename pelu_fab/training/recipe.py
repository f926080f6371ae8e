"""What a `[training]` table may say: in comes a plain table, out comes a checked, frozen `Recipe`."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pelu_fab.sources.tables import validate

Readout = Literal["argmax", "differential", "number"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Deviations(_Table):
    """What differs from print to print and pour to pour, as standard deviations. Units, but for `share`.

    Each print draws a new threshold for every bucket and a new open area for every branch (`share`, relative; the
    shares are the areas over their sum); each pour draws an error for every jug. Nothing falls below 0.
    """

    height: float = Field(0.0, ge=0, description="units of every retained volume")
    share: float = Field(0.0, ge=0, lt=1, description="of every branch's area, relative")
    pour: float = Field(0.0, ge=0, description="units of every jug")
    prints: int = Field(4, ge=1, le=4096, description="prints drawn each step")

    @property
    def is_silent(self) -> bool:
        """Whether nothing differs."""
        return self.height == self.share == self.pour == 0


class DeviceTable(_Table):
    """A last stretch in which every step pours through prints that the yield forecast's model draws for the design's
    process: correlated as it says, with what compensation leaves over, and `noise` on top.
    """

    steps: int = Field(0, ge=0, description="0: none")
    starts: int = Field(8, ge=1, description="how many of the best starts go on")
    rounds: int = Field(10, ge=1, description="times the devices are sized and printed anew")
    pool: int = Field(256, ge=1, le=65536, description="prints of each device in a round")
    scale: float = Field(1.0, ge=0, description="of the process's scatter")
    accept: float = Field(0.98, gt=0, le=1, description="accuracy from which such a print counts as good")


class Recipe(_Table):
    """How to train one network. The defaults are the blog's: Adam at 0.01 for 10,000 steps on all rows."""

    data: str = Field("", description="CSV with a header, label last; relative to the design file")
    hidden: list[int] = Field(default_factory=list, description="buckets of each row below the first")
    scale: float = Field(1.0, gt=0, description="units per feature value")
    scaling: Literal["none", "minmax"] = Field("none", description="minmax: each feature from 0 to `full` units")
    full: float = Field(50.0, gt=0, description="units of a full jug, for minmax")
    complements: bool = Field(False, description="a second jug for every input, of what it lacks to the fullest")
    seed: int = Field(0, ge=0)
    restarts: int = Field(1, ge=1, le=4096, description="starts trained side by side; the best is kept")
    steps: int = Field(10_000, ge=1, le=10_000_000)
    learning_rate: float = Field(0.01, gt=0, le=10)
    schedule: Literal["constant", "cycle"] = "constant"
    temperature: float = Field(1.0, gt=0, description="units of gap between two cups that count as one nat")
    margin: float = Field(0.0, ge=0, description="units by which the right cup shall lead; smaller leads cost")
    readout: Readout = Field("argmax", description="number: the last column is one, read as plus - minus")
    init: Literal["normal", "open", "even"] = "normal"
    share_function: Literal["softmax", "sparsemax"] = "softmax"
    validation: float = Field(0.0, ge=0, lt=1, description="fraction of rows that choose step and start")
    test: float = Field(0.0, ge=0, lt=1, description="fraction of rows that nothing is chosen by")
    folds: int = Field(0, ge=0, le=1000, description="0 or 1: no cross-validation")
    patience: int = Field(0, ge=0, description="steps without a better validation loss before stopping; 0: never")
    entropy: float = Field(0.0, ge=0, description="weight of the entropy penalty on shares")
    half: float = Field(0.0, ge=0, description="weight of the l1/2 penalty on shares")
    branches: int = Field(0, ge=0, description="prune to this many; 0: keep all")
    own_cup: bool = Field(False, description="each bucket of the last row feeds one cup alone: a lighter device")
    least_share: float = Field(0.0, ge=0, lt=0.5, description="prune what is below it; teeth round what is above")
    teeth: int = Field(0, ge=0, le=1000, description="most teeth of a comb to round shares to; 0: leave them")
    noise: Deviations = Field(default_factory=lambda: Deviations.model_validate({}))
    device: DeviceTable = Field(default_factory=lambda: DeviceTable.model_validate({}))
    choice: Deviations | None = Field(None, description="noise by which the best start is chosen; `noise` if not given")
    accept: float = Field(0.96, gt=0, le=1, description="accuracy from which a print counts as good")

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        if self.validation + self.test >= 1:
            raise ValueError(f"validation {self.validation} and test {self.test} leave no row to train on")
        if self.patience and not self.validation:
            raise ValueError("patience needs validation rows to watch")
        if any(width < 1 for width in self.hidden):
            raise ValueError(f"hidden {self.hidden} holds a row without buckets")
        if self.own_cup and not self.hidden:
            raise ValueError("own_cup needs a hidden row: of the jugs' buckets alone no answer is learnt")
        if 0 < self.teeth < 2:
            raise ValueError("teeth must be at least 2")
        return self


def recipe_of(table: dict[str, Any], where: str) -> Recipe:
    """Check a `[training]` table; every fault raises `FabError` and names its key."""
    return validate(Recipe, table, where)
