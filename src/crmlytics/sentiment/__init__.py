"""How customers feel: scores, aspects, topics and trends of feedback in three languages."""
