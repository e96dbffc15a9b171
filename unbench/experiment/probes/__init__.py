"""Questions to the models themselves rather than to their outputs: what is still in them, and does it come back?"""
