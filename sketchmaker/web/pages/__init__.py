"""The pages of people and visitors, one blueprint a file. Owns no rules: it asks the contexts."""
