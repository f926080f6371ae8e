"""Pictures and the page: what people look at."""
