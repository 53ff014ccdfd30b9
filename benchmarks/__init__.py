"""Foedus beside its peers, in one run, on one machine: `python -m benchmarks.run`.

What is compared are ratios; absolute rates depend on the machine and are printed for the reader only.
"""
