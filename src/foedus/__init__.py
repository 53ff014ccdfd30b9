"""Foedus: the software an alliance runs on."""
