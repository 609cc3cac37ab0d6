"""Pages for beneficiaries, employers and finance staff: Vietnamese is the source language, English a translation."""
