"""What of a hospital's rows a mapping does not take, counted in the database before anything is captured."""
