"""From names and declarations to an order. Pure functions."""
