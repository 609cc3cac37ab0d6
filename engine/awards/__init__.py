"""Awards (quyết định hưởng): from a claim, through the law, to an amount per month with its findings."""
