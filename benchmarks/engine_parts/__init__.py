"""The parts of the engine's benchmark: what runs, what is measured, what is said of it."""
