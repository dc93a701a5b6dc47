"""What each screen reads of the registry: pure reading in the poller's thread, frozen answers out."""
