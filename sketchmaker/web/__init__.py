"""The web: pages, their addresses, who may open them, and how errors are answered.

Owns no business rule and no table. A view parses, opens a transaction, calls one verb of a context
and renders what it gave.
"""
