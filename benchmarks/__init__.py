"""How fast the engine is, beside what the database itself could do: `make bench`.

Owns the measurements and the tables of `benchmarks/README.md`. Tests nothing: what must hold is in
`tests/`, and no test is timed.
"""
