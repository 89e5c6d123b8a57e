"""One file for each family of scenes; each scene is a function of (canvas, palette, dice).

Owns: what a mountain, a sea or a skyline looks like. Does not own: which scene a prompt gets
(`composer`), captions, or files.
"""
