"""Settings and limits: one frozen dataclass each, every limit named.

Sizes are bytes, times are seconds, unless the name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound that input meets before it costs us anything."""

    # one request, file or record
    max_content_length: int = 32 * 1024 * 1024  # one HTTP body (TAXII max_content_length)
    max_import_file: int = 2 * 1024 * 1024 * 1024  # one file given to `foedus import`
    max_object_bytes: int = 4 * 1024 * 1024  # one STIX object in canonical form
    max_objects_per_request: int = 10_000  # one envelope or bundle over HTTP
    max_depth: int = 64  # nesting of JSON and XML
    max_faults_reported: int = 1_000  # one report names at most so many; it says how many more there are
    max_xml_bytes: int = 8 * 1024 * 1024  # policy files, labels, clearances
    max_string: int = 1024 * 1024  # one string inside an object

    # connections of one server
    max_connections: int = 4_000  # those beyond are closed at once
    max_head_bytes: int = 64 * 1024  # request line and headers
    head_seconds: float = 15.0  # until the head of a request is complete
    body_seconds: float = 60.0  # until its body is, and longer by its size at `body_bytes_per_second`
    body_bytes_per_second: int = 50_000
    write_seconds: float = 60.0  # that an answer may lie unread

    # reading
    max_page: int = 1_000  # TAXII page and HTTP list
    default_page: int = 100
    max_search_text: int = 512  # characters of one query
    max_search_terms: int = 16
    max_search_window: int = 1_000  # results that one search ranks
    max_neighbours: int = 200  # one expansion of the graph
    max_match_ids: int = 1_000

    # people
    session_seconds: int = 12 * 3600
    session_idle_seconds: int = 2 * 3600
    link_seconds: int = 24 * 3600  # a one-time sign-in link
    login_attempts: int = 8  # failures before an account is locked
    lock_seconds: int = 15 * 60
    token_days: int = 365  # the longest life of an API token
    requests_per_minute_anonymous: int = 120  # one address, without a valid credential
    failures_per_minute: int = 30  # one address: wrong credentials, and passwords that are to be checked
    password_min: int = 12

    # journal
    segment_bytes: int = 256 * 1024 * 1024
    batch_entries: int = 10_000  # one group commit
    batch_bytes: int = 64 * 1024 * 1024
    fulltext_delay: float = 0.15  # commit of the full text at most so long after the record
    live_subscribers: int = 2_000

    # channels between nodes
    max_channel_entries: int = 2_000  # one answer to a peer
    max_channel_bytes: int = 16 * 1024 * 1024  # of the records in it


@dataclass(frozen=True, slots=True)
class Settings:
    """How one node runs. `data` is the node's folder, made by `foedus init`."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8440
    limits: Limits = field(default_factory=Limits)
