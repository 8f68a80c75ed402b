"""Words and rules: pure functions and frozen values, no input or output, no clock."""
