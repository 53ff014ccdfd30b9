"""The web face: server-rendered pages over the node's View, usable without script wherever that is possible.

`app.routes()` gives the handlers; `visit.Visit` is what every page is made from; words stand in `i18n/<lang>/*.toml`.
"""
