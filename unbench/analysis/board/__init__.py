"""The leaderboard as plain data: frames in, frames out."""
