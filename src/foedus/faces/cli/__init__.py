"""The command line: `foedus`. It works on the node's folder; where the server runs, the server does the work."""
