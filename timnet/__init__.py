"""timnet: a terminal experiment manager for speech emotion recognition with TIM-Net."""

__version__ = "0.1.0"
