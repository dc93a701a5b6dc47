"""What was trained elsewhere and left only its output behind: Keras logs and result sheets."""
