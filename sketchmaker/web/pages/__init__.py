"""The pages that people and visitors see, one blueprint a file. Owns no rules: it asks the contexts."""
