"""What happens once in a process, by one thread at a time, and never amid a fork.

The first text of a kind imports modules that ``import rewards`` should not wait for, and builds grammars. A fork copies
a process with the thread that forks alone: a lock that another thread held then, of an import or of ours, would stay
locked in the child for ever. So whoever imports or builds for the first time holds `FIRST_TIME`, and a fork waits for
it. No module takes it while it is being imported itself: two threads could then wait for each other.
"""

from __future__ import annotations

import logging as _logging  # noqa: F401  see below
import os
from threading import RLock

FIRST_TIME = RLock()

# Before a fork the hooks that were registered last run first. Modules that are imported under this lock use logging,
# whose own lock is also taken before a fork: it must be taken after this one, and so be registered before.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=FIRST_TIME.acquire, after_in_parent=FIRST_TIME.release, after_in_child=FIRST_TIME.release
    )
