"""TAXII 2.1 (OASIS, 2021-06-10), complete: discovery, API root, collections, manifest, objects, versions, status.

Plain ASGI handlers: pages are joined from stored bytes and never decoded. One collection holds everything the reader
may see and takes POST; one more a domain holds that domain's types. DELETE is a recall.
"""
