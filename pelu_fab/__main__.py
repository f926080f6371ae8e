"""`python -m pelu_fab` is `pelu-fab`."""

from pelu_fab.cli import main

main()
