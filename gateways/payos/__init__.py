"""payOS: payment links with their webhook, and payouts to bank accounts."""
