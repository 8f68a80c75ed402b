"""What we remember and what may be done with it, one concept a file."""
