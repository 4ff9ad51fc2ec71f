"""What past builds did: one file each, and the texts that their stages were made from."""
