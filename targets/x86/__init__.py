"""x86-64 processors under Linux."""
