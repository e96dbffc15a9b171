"""From stored outputs to conclusions: metrics of a results folder, comparisons, and the leaderboard as plain data."""
