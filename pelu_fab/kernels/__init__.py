"""Geometry kernels: the same solids as triangles (manifold3d) and as B-rep (OCCT)."""
