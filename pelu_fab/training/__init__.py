"""Networks worth printing: what trains them."""
