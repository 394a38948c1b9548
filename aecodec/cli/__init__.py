"""Private. The command `aecodec`: main, options, jobs, tasks, and how they speak."""
