"""How large a site must be: from measured figures to partitions, workers, memory and disks, and hours that are played."""
