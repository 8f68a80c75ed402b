"""The parts of the scheduling benchmark."""
