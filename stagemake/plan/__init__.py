"""Deciding what each stage needs: fresh, hit, miss or maybe, and what it will cost."""
