//! Completion -> text fit to publish. Pure.
