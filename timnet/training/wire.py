"""What a worker and its warm process say to each other, over a Unix socket that keeps messages apart.

JSON objects go over it. From the worker: an assignment with a ``number``, and with it the descriptors of the run's lock
and of its log. To the worker: ``{"ready": true}``; then for a number its ``pid``, with a descriptor of the process, and
later its exit ``status``; or the reason why it is ``refused``.
"""

LARGEST_MESSAGE = 1 << 16
"""Bytes."""
