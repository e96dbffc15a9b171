"""Models outside the benchmark: saved as a folder, asked for predictions, and made to forget by ids alone."""
