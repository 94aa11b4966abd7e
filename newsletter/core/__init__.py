"""The pure part: values in, values out. No network, disk, database or clock."""
