"""Private. The command `aecodec`: main, jobs, tasks, and how they speak."""
