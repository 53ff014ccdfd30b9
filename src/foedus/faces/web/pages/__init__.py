"""One module a topic; each has `HANDLERS`."""
