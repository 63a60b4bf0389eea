"""LiblibAI."""
