"""How far behind each stage is: asked, counted, aged and shown."""
