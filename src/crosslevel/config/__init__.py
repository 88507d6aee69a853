"""What a run is asked to do: the fields, how they are read and checked, files and presets."""
