"""What every page stands in: who is asking, what they may open, what is around it, how it fails.

Knows no page.
"""
