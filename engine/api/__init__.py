"""JSON under `/v1`: who asks, what they may see, and how a refusal is told."""
