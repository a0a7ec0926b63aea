"""What every app uses: SQL, prepared queries, waking workers, settings, validators. Knows no app."""
