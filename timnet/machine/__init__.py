"""What this machine was measured to do best, and what is made of it: how many runs at once, on which device."""
