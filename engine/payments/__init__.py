"""Chi: payment runs, their signatures, the instructions sent to banks, and what became of every đồng."""
