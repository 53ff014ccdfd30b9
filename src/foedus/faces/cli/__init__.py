"""The command line: `foedus`. Works on the node's folder; where the server runs, the same work is done by the server."""
