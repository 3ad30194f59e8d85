"""Sessions, wallet sign-in, rights, the vault of face templates, and the store that keeps them."""
