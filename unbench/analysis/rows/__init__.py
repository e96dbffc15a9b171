"""Stored rows as they are read: plain records of clean values, which of them are one, and what they are called."""
