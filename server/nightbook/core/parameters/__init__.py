"""Parameters: what a notebook declares, read without running it, and the check of what is given."""

from nightbook.core.parameters.checks import check
from nightbook.core.parameters.declarations import Declared, declared
from nightbook.core.parameters.types import SPECIAL, Parameter

__all__ = ["SPECIAL", "Declared", "Parameter", "check", "declared"]
