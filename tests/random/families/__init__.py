"""Generators of operators, a file for each family."""
