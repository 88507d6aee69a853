"""A person corrects and the network learns: which image next, drafts, masks, provenance, rounds."""
