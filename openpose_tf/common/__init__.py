"""What every package uses: errors, the entry point of commands, files, progress."""
