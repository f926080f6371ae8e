"""What the user hands in: checkpoints, design files and process profiles, read into frozen data."""
