"""The nouns of nbflow: frozen values that every station speaks of. Standard library only."""
