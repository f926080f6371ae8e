"""An independent solver as judge: OpenFOAM's interFoam on the exported STL. Imports sign-off's eyes, never a stage."""
