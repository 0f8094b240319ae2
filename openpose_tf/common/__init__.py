"""What every room of the house uses: errors, the command-line door, files, progress."""
