"""How raw corpora become utterances: one short file a corpus."""
