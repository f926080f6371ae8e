"""Compile a trained PeLU network into a printable device that runs on water, and prove it from the STL."""
