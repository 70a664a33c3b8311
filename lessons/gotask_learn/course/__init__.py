"""The worlds and gates of the ten lessons; what they say is in the catalogues beside them."""
