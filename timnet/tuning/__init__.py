"""Tuning: settings searched for with Optuna, each trial an experiment in the queue, judged by inner validation sets."""
