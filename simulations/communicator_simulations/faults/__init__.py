"""Faults as data: plans that a seed only writes, the world they happen in, who judges it, and what is cut away."""
