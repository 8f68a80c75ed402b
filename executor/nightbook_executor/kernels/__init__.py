"""Kernels: forked from a zygote where that is safe, started the ordinary way everywhere else."""
