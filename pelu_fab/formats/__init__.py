"""Writers: frozen data in, bytes out."""
