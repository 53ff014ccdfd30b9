"""The kernel: pure rules. No I/O, no clock, no randomness, no globals that change."""
