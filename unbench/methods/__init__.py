"""Unlearning methods: one file each, found through its card in methods/."""
