"""The sandbox: a provider that draws by itself, at no cost, so that a new product works at once."""
