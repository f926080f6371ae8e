"""One interFoam case as plain data, and as files. Lengths mm, flows mL/s, times s; OpenFOAM's files are SI."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pelu_fab.cfd.frame import Frame
from pelu_fab.cfd.grid import Grid
from pelu_fab.cfd.mesh import WALLS, PolyMesh, mesh_files, poly_mesh
from pelu_fab.errors import FabBug
from pelu_fab.ir.process import Fluid
from pelu_fab.signoff.stl import Array, Index, Mask

INLET = "inlet"
BACK = "back"  # a patch: up a gutter, from where water comes again
COURANT = 2.0  # the surface, in one implicit step: half the time of two of 0.8 each, a card's shares 0.2 points apart
AIR_COURANT = 6.0  # where there is no surface, mostly in air
LONGEST_STEP, FIRST_STEP = 2e-3, 5e-5  # s
CELL_STEPS = 4.2e5  # cells times steps that one core does in a second, measured
STEP_PER_CELL = 3.5  # s per m: steps are about this times the smallest wet cell, measured on pours and ways


@dataclass(frozen=True, slots=True, eq=False)
class Inflow:
    """Water that comes in through the patch `INLET`: `flow` mL/s along `direction` (unit, frame), until `stop` s."""

    flow: float
    direction: Array
    stop: float


@dataclass(frozen=True, eq=False)
class Case:
    """What is solved. `number` is `mesh.numbered`; `labels` name the patch that faces to each dry place get.

    `outlets` lead from a patch to where its water goes; every other open patch is a loss or an onward way.
    """

    at: str
    kind: str  # bucket | siphon | transfer
    pour: str
    frame: Frame
    grid: Grid
    number: Index
    labels: Index
    names: tuple[str, ...]
    zones: Mapping[str, Mask]
    water: Mask  # cells full at the start
    inflow: Inflow
    outlets: Mapping[str, str]
    cells_a_tooth: int
    end: float
    below: float = 0.0  # mL that its pool lacks
    pictures: int = 8  # times at which whole fields are written
    first_picture: float = 0.0

    @cached_property
    def mesh(self) -> PolyMesh:
        """The mesh, checked."""
        mesh = poly_mesh(self.grid, self.number, self.labels, self.names)
        mesh.check(float(self.grid.volumes[self.fluid].sum()))
        return mesh

    @cached_property
    def fluid(self) -> Mask:
        """Places of the grid that are solved."""
        return np.asarray(self.number >= 0)

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(self.number.max(initial=-1)) + 1

    @property
    def expected_minutes(self) -> float:
        """CPU minutes that a run takes, within a factor of two."""
        least = min(float(np.diff(v).min()) for v in (self.grid.x, self.grid.y, self.grid.z))
        step = min(STEP_PER_CELL * max(least, 0.3) * 1e-3, LONGEST_STEP)
        return self.end / step * self.cells / CELL_STEPS / 60.0

    def of_cells(self, values: Array) -> Array:
        """Values of a field (cells,) on the grid (I, J, K); NaN where there is no cell."""
        return np.asarray(np.where(self.fluid, values[self.number], np.nan))

    def cells_in(self, places: Mask) -> Index:
        """Numbers of the cells that a set of places belongs to, ascending."""
        return np.unique(self.number[places & self.fluid])


def velocity(case: Case) -> Array:
    """m/s, the same all over the inlet: its flux is the flow."""
    areas = case.mesh.areas[case.mesh.faces_of(INLET)]
    through = -float(areas.sum(axis=0) @ case.inflow.direction) if len(areas) else 0.0  # mm2; normals point out
    if through <= 0.0:
        raise FabBug(f"{case.at}: the inlet has no face")
    return np.asarray(case.inflow.direction * (case.inflow.flow / through))  # 1 mL/s through 1 mm2 is 1 m/s


def case_files(case: Case, fluid: Fluid) -> dict[str, str]:
    """Every file of the case by its path below the case's folder."""
    mesh = case.mesh
    number = {name: case.cells_in(mask) for name, mask in case.zones.items()}
    files = {f"constant/polyMesh/{name}": text for name, text in mesh_files(mesh, number).items()}
    opens = [name for name, _, _ in mesh.patches if name not in (case.names[WALLS], INLET)]
    files |= _fields(case, fluid, opens)
    gravity = " ".join(f"{g:.6f}" for g in case.frame.gravity)
    files["constant/g"] = _dict(
        "uniformDimensionedVectorField", "g", f"dimensions [0 1 -2 0 0 0 0]; value ({gravity});"
    )
    files["constant/turbulenceProperties"] = _dict("dictionary", "turbulenceProperties", "simulationType laminar;")
    files["constant/transportProperties"] = _dict(
        "dictionary",
        "transportProperties",
        f"phases (water air); water {{ transportModel Newtonian; nu {fluid.viscosity * 1e-6:.8g}; "
        f"rho {fluid.density * 1e3:.8g}; }} air {{ transportModel Newtonian; nu 1.5e-05; rho 1.2; }} "
        f"sigma {fluid.surface_tension:.8g};",
    )
    files["system/controlDict"] = _dict("dictionary", "controlDict", _control(case, opens))
    files["system/fvSchemes"] = _dict("dictionary", "fvSchemes", SCHEMES)
    files["system/fvSolution"] = _dict("dictionary", "fvSolution", SOLUTION)
    return files


def contact_angle(fluid: Fluid) -> float:
    """The one angle a run has, degrees: midway between advancing and receding; hysteresis is not solved."""
    return (fluid.advancing_deg + fluid.receding_deg) / 2.0


def _fields(case: Case, fluid: Fluid, opens: list[str]) -> dict[str, str]:
    vx, vy, vz = velocity(case).tolist()
    full, stop = f"({vx:.6g} {vy:.6g} {vz:.6g})", case.inflow.stop
    table = f"((0 {full}) ({stop:.6g} {full}) ({stop + 0.01:.6g} (0 0 0)) (1e6 (0 0 0)))"
    wet = np.zeros(case.cells, int)
    wet[case.cells_in(case.water)] = 1
    start = "\n".join(wet.astype(str).tolist())
    out = f'"({"|".join(opens)})"'
    return {
        "0/alpha.water": _field(
            "Scalar",
            "alpha.water",
            "0 0 0",
            f"nonuniform List<scalar> {case.cells}\n(\n{start}\n)",
            {
                "walls": f"type constantAlphaContactAngle; theta0 {contact_angle(fluid):.6g}; limit gradient; "
                "value uniform 0;",
                INLET: "type fixedValue; value uniform 1;",
                out: "type inletOutlet; inletValue uniform 0; value uniform 0;",
            },
        ),
        "0/U": _field(
            "Vector",
            "U",
            "0 1 -1",
            "uniform (0 0 0)",
            {
                "walls": "type noSlip;",
                INLET: f"type uniformFixedValue; uniformValue table {table}; value uniform {full};",
                out: "type pressureInletOutletVelocity; value uniform (0 0 0);",
            },
        ),
        "0/p_rgh": _field(
            "Scalar",
            "p_rgh",
            "1 -1 -2",
            "uniform 0",
            {
                f'"(walls|{INLET})"': "type fixedFluxPressure; value uniform 0;",
                out: "type prghTotalPressure; p0 uniform 0; value uniform 0;",
            },
        ),
    }


def _control(case: Case, opens: list[str]) -> str:
    each = max((case.end - case.first_picture) / case.pictures, 1e-3)
    sums = "".join(
        f"flux_{name} {{ type surfaceFieldValue; libs (fieldFunctionObjects); regionType patch; name {name}; "
        "operation sum; fields (alphaPhi0.water); writeFields false; log false; executeControl timeStep; "
        "executeInterval 1; writeControl timeStep; writeInterval 1; }\n"
        for name in (INLET, *opens)
    )
    volumes = "".join(
        f"volume_{name} {{ type volFieldValue; libs (fieldFunctionObjects); regionType cellZone; name {name}; "
        "operation volIntegrate; fields (alpha.water); writeFields false; log false; executeControl timeStep; "
        "executeInterval 5; writeControl timeStep; writeInterval 5; }\n"
        for name in case.zones
    )
    return (
        f"application interFoam; startFrom latestTime; startTime 0; stopAt endTime; endTime {case.end:.6g}; "
        f"deltaT {FIRST_STEP:g}; writeControl adjustableRunTime; writeInterval {each:.6g}; purgeWrite 0; "
        "writeFormat binary; writePrecision 8; timeFormat general; timePrecision 8; runTimeModifiable yes; "
        f"adjustTimeStep yes; maxCo {AIR_COURANT:g}; maxAlphaCo {COURANT:g}; maxDeltaT {LONGEST_STEP:g};\n"
        f"functions {{\n{sums}{volumes}}}"
    )


def _field(kind: str, name: str, dimensions: str, inner: str, patches: Mapping[str, str]) -> str:
    values = "\n".join(f"    {patch} {{ {text} }}" for patch, text in patches.items())
    body = f"dimensions [{dimensions} 0 0 0 0];\ninternalField {inner};\nboundaryField\n{{\n{values}\n}}"
    return _dict(f"vol{kind}Field", name, body)


def _dict(kind: str, name: str, body: str) -> str:
    return f"FoamFile {{ version 2.0; format ascii; class {kind}; object {name}; }}\n{body}\n"


SCHEMES = """ddtSchemes { default Euler; }
gradSchemes { default Gauss linear; }
divSchemes
{
    div(rhoPhi,U) Gauss linearUpwind grad(U);
    div(phi,alpha) Gauss vanLeer;
    div(phirb,alpha) Gauss linear;
    div(((rho*nuEff)*dev2(T(grad(U))))) Gauss linear;
}
laplacianSchemes { default Gauss linear uncorrected; }
interpolationSchemes { default linear; }
snGradSchemes { default uncorrected; }"""

SOLUTION = """solvers
{
    "alpha.water.*"
    {
        nAlphaCorr 1; nAlphaSubCycles 1; cAlpha 1; MULESCorr yes; nLimiterIter 3;
        solver smoothSolver; smoother symGaussSeidel; tolerance 1e-8; relTol 0;
    }
    "pcorr.*" { solver PCG; preconditioner DIC; tolerance 1e-5; relTol 0; }
    p_rgh
    {
        solver PCG; tolerance 1e-6; relTol 0.02; maxIter 60;
        preconditioner
        {
            preconditioner GAMG; smoother DICGaussSeidel; tolerance 1e-5; relTol 0.01;
            nVcycles 1; nPreSweeps 0; nPostSweeps 2;
        }
    }
    p_rghFinal { $p_rgh; tolerance 1e-5; relTol 0; }
    U { solver smoothSolver; smoother symGaussSeidel; tolerance 1e-6; relTol 0; }
    UFinal { $U; }
}
PIMPLE { momentumPredictor no; nOuterCorrectors 1; nCorrectors 2; nNonOrthogonalCorrectors 0; }
relaxationFactors { equations { ".*" 1; } }"""
