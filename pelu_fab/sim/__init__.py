"""Water in the device: the algebra, the flow over time, tolerance and energy. Imports no stage."""
