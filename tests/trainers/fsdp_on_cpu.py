"""``star`` where FSDP also runs on the CPU: PyTorch shards over gloo, but accelerate offers that to accelerators alone."""

import os

from accelerate.state import PartialState
from accelerate.utils import DistributedType

from star_cli.main import main

_plain = PartialState.__init__


def _as_accelerator(self, *arguments, **options):
    _plain(self, *arguments, **options)
    if os.environ.get("ACCELERATE_USE_FSDP") and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


PartialState.__init__ = _as_accelerator

if __name__ == "__main__":
    main()
