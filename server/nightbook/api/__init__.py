"""What happens on request: one router a concept."""
