"""Language models and encoders; importing this package loads neither torch nor transformers."""
