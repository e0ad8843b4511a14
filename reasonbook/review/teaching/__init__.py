"""Teaching: what people decided on some rows, as examples, proof and proposals for the others."""
