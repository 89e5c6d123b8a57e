"""Pictures drawn by hand-written rules, on this machine, from a prompt and a seed.

Owns: the scenes, palettes and brushes behind the sandbox provider. A drawing follows wholly from
(prompt, seed, width, height): the same four make the same pixels every time.

Does not own: credits, files, people, or when a drawing is made. Knows nothing but Pillow.
"""
