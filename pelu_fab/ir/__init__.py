"""Frozen data: what stages hand on, printable and without behaviour but derived values."""
