"""Models in use, outside the benchmark: trained and saved as a folder, they predict, and forget by ids alone."""
