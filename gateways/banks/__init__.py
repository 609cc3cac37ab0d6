"""One module for one bank: its limits and codes as dated data, its calls, nothing shared between banks."""
