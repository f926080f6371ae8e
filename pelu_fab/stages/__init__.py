"""The compiler: one pure function a stage, network to solids."""
