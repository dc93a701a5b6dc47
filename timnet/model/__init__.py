"""TIM-Net, and the published weights in and out."""
