"""From encoder features to token ids: step by step, with beams or greedily. No fairseq."""
