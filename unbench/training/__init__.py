"""The training loop, devices, and the cost of a piece of work in time and memory."""
