"""The faces: thin, they translate and never decide."""
