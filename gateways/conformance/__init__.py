"""The fifteen cases that every adapter passes, ours and others'. Run by `thuchi gateway conformance NAME`."""
