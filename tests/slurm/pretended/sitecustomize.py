"""With this folder on ``PYTHONPATH``, the training processes of jobs compute with a pretended network."""

import os
import sys

if "timnet.remote" in sys.orig_argv:
    from tests.faults import pretend

    pretend.STEP_SECONDS = float(os.environ["TIMNET_PRETENDED_STEP"])
    pretend.prepare()
