"""Water in the device: the flow over time, tolerance and energy. Imports no stage."""
