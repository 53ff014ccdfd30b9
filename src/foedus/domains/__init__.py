"""The fields of the alliance's work, one folder each. They are discovered, never listed."""
