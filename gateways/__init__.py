"""Banks and wallets: they speak wire protocols and know nothing else. Stateless, without database or queue."""
