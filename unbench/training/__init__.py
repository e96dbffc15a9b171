"""The training loop, devices, and what a piece of work costs in time and memory."""
