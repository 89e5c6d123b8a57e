"""Databases as every earlier version of the product left them, and their way to this one."""
