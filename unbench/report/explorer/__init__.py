"""The explorer: one HTML file in which a person picks, sorts, zooms and compares what is stored.

It opens from disk, without a server or a network. Everything in it is data made here, drawn by the scripts in
static/ with Vega-Lite, whose JavaScript is inside the file.
"""
