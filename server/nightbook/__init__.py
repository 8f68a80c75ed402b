"""Nightbook: notebooks in production, from the Schedule button to the executed copy that is kept."""

__version__ = "0.1.0"
