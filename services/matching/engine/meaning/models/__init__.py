"""What turns a text into a vector: three models that wheels carry. Any other, an operator's server say, fits ``model.Model``."""
