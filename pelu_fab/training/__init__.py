"""Training of PeLU networks, and reading what PyTorch saved: the only home of torch."""
