"""What is wrong with the settings, in a sentence."""


class SettingsError(Exception):
    """A setting is wrong, or what it names can't be used. The text says which and what to do."""
