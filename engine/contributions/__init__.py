"""Thu: employers, their declarations and dues, the notice, the receipt and its allocation."""
