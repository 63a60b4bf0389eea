"""OpenModelDB."""
