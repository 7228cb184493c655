"""Opens archives and documents. Runs in decoder processes only: C code and hostile octets meet here."""
