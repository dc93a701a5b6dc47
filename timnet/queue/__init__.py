"""The run's state machine, the worker, and the engines that start training processes."""
