"""What changed between two results folders, or between two commits in one."""
