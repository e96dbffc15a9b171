"""Plots of the leaderboard: each one plain data first, sketched (`gallery`), and drawn second, by the `studio`."""
