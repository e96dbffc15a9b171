"""Figures of the leaderboard: plain data first (`catalogue` lists them), drawn second, by the `renderer`.

No module here imports Matplotlib before something is drawn, so that a report's own process never does.
"""
