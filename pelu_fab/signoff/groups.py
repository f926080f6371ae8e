"""What hangs together: pairs of things in, the group of each out."""

import numpy as np

from pelu_fab.signoff.stl import Index


def groups(count: int, one: Index, other: Index) -> tuple[int, Index]:
    """How many groups `count` things fall into of which each `one` hangs together with its `other`; and the number of
    each thing's, in the order of their first ones.
    """
    first = np.arange(count)  # of each thing's group, as far as is known
    while len(one):
        np.minimum.at(first, np.maximum(one, other), np.minimum(one, other))
        while ((before := first.take(first)) != first).any():
            first = before
        one, other = first.take(one), first.take(other)
        apart = np.flatnonzero(one != other)  # at most half as many groups each time
        one, other = one.take(apart), other.take(apart)
    leads = first == np.arange(count)
    return int(leads.sum()), (np.cumsum(leads) - 1).take(first)
