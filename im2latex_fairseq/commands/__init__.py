"""The console script `im2latex` and its commands: options, messages, exit statuses; the work is done elsewhere."""
