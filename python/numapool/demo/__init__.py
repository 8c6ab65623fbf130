"""The demo: one real job on real photographs, with NumPy's allocation and with the pool, side by side.

Owns the command ``numapool demo``. It uses the package as any program would, by its public names only.
"""
