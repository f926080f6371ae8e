"""What differs from print to print and from pour to pour: standard deviations by cause. mm, degrees, mL."""

from dataclasses import dataclass, fields, replace

from pelu_fab.ir.process import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Standard deviations by cause. One printer, one fluid and one table are shared by a whole print; see `shared`.

    The same description drives the yield forecast and tolerance training.
    """

    xy: float = 0.0  # mm: every opening of the print wider or narrower by this (hole shrink, flow)
    xy_local: float = 0.0  # mm: and each opening by itself
    z: float = 0.0  # mm: each sill's elevation above its floor
    kappa: float = 0.0  # mm: one fluid, one surface
    residual_head: float = 0.0  # mm: as far as it moves shares; what is kept is `held_ml`
    held_ml: float = 0.0  # each bucket: water above the drawn cavity, on walls and sill
    tilt_deg: float = 0.0  # of the table, about each axis
    priming_ml: float = 0.0  # V0, in each bucket that is got ready, each time
    pour_ml: float = 0.0  # each jug of each pour
    read_ml: float = 0.0  # each cup of each pour
    film_ml: float = 0.0  # mean loss per wet gutter; 0 once a pour has run through
    siphon: float = 0.0  # times what is assumed of the levels at which a siphon primes and breaks; other each time
    shared: float = 0.5  # share of the variance of residual head and held water that all buckets have in common

    @classmethod
    def of(cls, process: Process, *, primed: bool = True) -> "Noise":
        """The scatter of a process. Each opening's own error is taken as a fifth of the print's."""
        s = process.scatter
        return cls(
            xy=s.xy,
            xy_local=0.2 * s.xy,
            z=s.z,
            kappa=s.kappa,
            residual_head=s.residual_head,
            held_ml=s.held_ml,
            tilt_deg=s.tilt_deg,
            priming_ml=s.priming_ml,
            pour_ml=s.pour_ml,
            read_ml=s.read_ml,
            film_ml=0.0 if primed else s.film_ml,
            siphon=1.0,
        )

    def only(self, cause: str) -> "Noise":
        """This cause alone, the others silent."""
        silent = dict.fromkeys(ALL_FIELDS, 0.0)
        return replace(self, **{**silent, **{name: getattr(self, name) for name in CAUSES[cause]}})

    def without(self, cause: str) -> "Noise":
        """All causes but this one."""
        return replace(self, **dict.fromkeys(CAUSES[cause], 0.0))

    def scaled(self, factor: float) -> "Noise":
        """Every deviation times `factor`."""
        return replace(self, **{name: getattr(self, name) * factor for name in ALL_FIELDS})


CAUSES: dict[str, tuple[str, ...]] = {
    "xy": ("xy", "xy_local"),
    "z": ("z",),
    "kappa": ("kappa",),
    "residual_head": ("residual_head",),
    "held water": ("held_ml",),
    "tilt": ("tilt_deg",),
    "priming": ("priming_ml",),
    "pour": ("pour_ml",),
    "reading": ("read_ml",),
    "film": ("film_ml",),
    "siphon": ("siphon",),
}
BY_HAND = ("priming_ml", "pour_ml", "read_ml")  # other each time, not of the print
ALL_FIELDS = tuple(f.name for f in fields(Noise) if f.name != "shared")
