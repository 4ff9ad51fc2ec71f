"""What a stage's processes really read and write: watching them, denying them, comparing with what is declared.

Nothing here is imported by a build without `--check` and `--sandbox`. It audits: no key depends on it.
"""
