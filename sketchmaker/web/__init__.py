"""The web: pages, their addresses, and how errors are answered. Owns no business rule and no table."""
