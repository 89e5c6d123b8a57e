"""What tests share: a real PostgreSQL, fresh migrated databases, a real Chromium."""
