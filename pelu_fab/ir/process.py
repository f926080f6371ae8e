"""One printer, one material, one fluid: the numbers that the compiler designs to (EDA: the PDK)."""

from math import ceil, cos, radians, sqrt

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pelu_fab.ir.units import GRAVITY


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Printer(_Table):
    """What the machine makes. Lengths in mm, angles in degrees."""

    nozzle: float = Field(gt=0, le=2)
    layer_height: float = Field(gt=0, le=1)
    perimeters: int = Field(ge=1, le=10)
    bed: tuple[float, float, float] = Field(strict=False)
    max_overhang_deg: float = Field(gt=0, lt=90, description="from the vertical, printed without support")
    max_bridge: float = Field(gt=0)
    clearance: float = Field(gt=0, le=1, description="gap per side between parts that slide together")
    floor: float = Field(gt=0, description="thickness of a floor that holds water")
    hours_per_cm3: float = Field(gt=0, description="printing time of what is laid down, where no slicer is at hand")

    @property
    def wall(self) -> float:
        """A wall that holds water: all perimeters side by side."""
        return round(self.perimeters * self.nozzle, 6)

    @property
    def blade(self) -> float:
        """The thinnest wall that prints as two lines side by side."""
        return round(2 * self.nozzle, 6)

    @property
    def web(self) -> float:
        """What stands and holds no water: whole lines side by side, 1.6 mm at least."""
        return round(ceil(1.6 / self.nozzle - 1e-9) * self.nozzle, 6)

    @property
    def slanting(self) -> float:
        """A wall that holds water and runs aside in plan, by up to 45 degrees: two lines thick even across."""
        return max(self.wall, round(1.42 * self.blade, 3))


class Material(_Table):
    """What the part is made of."""

    name: str
    density: float = Field(gt=0, description="g/cm3")


class Fluid(_Table):
    """What runs through it, on this material."""

    name: str
    density: float = Field(gt=0, description="g/cm3")
    surface_tension: float = Field(gt=0, description="N/m")
    viscosity: float = Field(gt=0, description="kinematic, mm2/s")
    advancing_deg: float = Field(ge=0, lt=180, description="advancing contact angle, degrees")
    receding_deg: float = Field(ge=0, lt=90, description="receding contact angle on the primed part, degrees")

    @property
    def capillary_length(self) -> float:
        """l_c = sqrt(γ / ρ g), mm."""
        return sqrt(self.surface_tension * 1e3 / (self.density * 1e-3 * GRAVITY))

    @property
    def meniscus(self) -> float:
        """Water that a mm of vertical wall holds up: l_c² cos θ_R, mm2 (physics: force balance on a wall)."""
        return self.capillary_length**2 * cos(radians(self.receding_deg))


class Comb(_Table):
    """How a sill is cut into teeth, and what real water does there. Lengths in mm."""

    tooth: float = Field(gt=0, description="width aimed at")
    min_tooth: float = Field(gt=0)
    max_tooth: float = Field(gt=0)
    kappa: float = Field(description="extra hydraulic width of every tooth: capillary suction and print error")
    end_excess: float = Field(ge=0, lt=0.5, description="how much more an end tooth takes, as a fraction")
    residual_head: float = Field(ge=-4, description="level that a pool rests at over its sill; < 0: wet teeth draw on")
    sill_length: float = Field(gt=0, description="of the sill in flow direction")
    discharge: float = Field(gt=0, lt=1.5, description="C_d of the weir formula")

    @property
    def drawn_on(self) -> float:
        """How far (mm, at most 0) wet teeth draw a pool on below its sill."""
        return min(self.residual_head, 0.0)

    @model_validator(mode="after")
    def _ordered(self) -> "Comb":
        if not self.min_tooth <= self.tooth <= self.max_tooth:
            raise ValueError(
                f"need min_tooth <= tooth <= max_tooth, found {self.min_tooth}, {self.tooth}, {self.max_tooth}"
            )
        return self


class Channels(_Table):
    """Rules for what lies below the sill. Lengths in mm, angles in degrees."""

    min_slope_deg: float = Field(gt=0, lt=60, description="so that a chute drains itself")
    min_width: float = Field(gt=0)
    min_wall_height: float = Field(gt=0)
    spout_gap: float = Field(gt=0, description="between two waters where they leave a lip: 2 l_c")
    friction: float = Field(gt=0, description="Darcy-Weisbach f of a rough printed channel")
    meniscus_freeboard: float = Field(ge=0)
    slosh_freeboard: float = Field(ge=0)


class Scatter(_Table):
    """Standard deviations between prints and pours, for the yield forecast."""

    xy: float = Field(ge=0, description="mm per dimension")
    z: float = Field(ge=0, description="mm of a sill's elevation")
    kappa: float = Field(ge=0, description="mm")
    residual_head: float = Field(ge=0, description="mm")
    held_ml: float = Field(default=0.3, ge=0, description="per bucket: water held above the drawn cavity")
    tilt_deg: float = Field(ge=0)
    priming_ml: float = Field(default=0.5, ge=0, description="per bucket that is got ready: V0 read on the jug")
    pour_ml: float = Field(ge=0, description="per jug")
    read_ml: float = Field(default=0.5, ge=0, description="per cup read")
    film_ml: float = Field(ge=0, description="per wet gutter, mean loss of a dry device")


class Process(_Table):
    """A process profile. `sources` says where each number comes from, by `table.key`.

    >>> import pelu_fab
    >>> process = pelu_fab.load("designs/drip").process
    >>> process.printer.perimeters, process.printer.nozzle, process.sources["printer.nozzle"]  # mm
    (3, 0.4, 'the commonest hot end')
    """

    name: str
    printer: Printer
    material: Material
    fluid: Fluid
    comb: Comb
    channels: Channels
    scatter: Scatter
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _printable(self) -> "Process":
        if self.comb.min_tooth < self.printer.nozzle:
            raise ValueError(f"comb.min_tooth {self.comb.min_tooth} is finer than the nozzle {self.printer.nozzle}")
        if min(self.printer.bed) <= 0:
            raise ValueError(f"printer.bed {self.printer.bed} must be three lengths above 0")
        return self
