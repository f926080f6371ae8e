"""Loom in, parts out: every printed piece as a kernel-neutral solid with its place in the assembly."""
