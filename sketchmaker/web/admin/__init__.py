"""The pages of the admin console. Every one of them asks for the role admin at least."""
