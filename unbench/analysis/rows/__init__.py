"""Stored rows: plain records, clean values, default hyper-parameters, reruns and labels."""
