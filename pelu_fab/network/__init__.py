"""The formula, once: networks as arrays, what they compute, how far their answers hold."""
