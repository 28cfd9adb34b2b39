//! The desk: a page of the preview to write with the model, and to edit what was written.

pub mod library;
