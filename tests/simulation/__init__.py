"""The credit engine in a simulated world: seeded, deterministic, on real databases.

Owns the world's time, its actors, the faults, and the model that says what the books must be.
The engine, SQLAlchemy, SQLite and PostgreSQL are the real ones. See docs/simulation.md.
"""
