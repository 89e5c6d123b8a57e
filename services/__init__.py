"""Names that the setup guide published; the code lives in `sketchmaker`."""
