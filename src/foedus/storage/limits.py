"""What one append may hold, the same for every journal."""

from __future__ import annotations

from collections.abc import Sequence

from foedus.config import Limits
from foedus.kernel.errors import Fault, TooLarge
from foedus.kernel.ports import NewEntry
from foedus.storage.frames import MAX_ENVELOPE, encoded_size


def check_batch(entries: Sequence[NewEntry], limits: Limits) -> int:
    """The bytes that the frames of these entries will take. Raises TooLarge, which names every entry that is."""
    total = sum(map(encoded_size, entries))
    longest = limits.max_object_bytes
    faults = [
        Fault("too-large", f"an entry has at most {MAX_ENVELOPE} bytes of envelope and {longest} of body", index=i)
        for i, new in enumerate(entries)
        if len(new.envelope) > MAX_ENVELOPE or len(new.body) > longest
    ]
    if len(entries) > limits.batch_entries or total > limits.batch_bytes:
        most = f"a batch has at most {limits.batch_entries} entries and {limits.batch_bytes} bytes"
        faults.append(Fault("batch-too-large", most))
    if faults:
        raise TooLarge(faults)
    return total
