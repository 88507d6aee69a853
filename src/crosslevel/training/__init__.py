"""From a folder and a configuration to a run folder."""
