"""The node's side of exchange: what leaves by which channel, what comes in, who the peers are."""
