//! Seed -> the text handed to the model.
