"""Image files and colors: reading, orientation, damage, encoding, the sRGB curve."""
