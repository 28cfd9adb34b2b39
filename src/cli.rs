//! What was asked: the command line as parsed, before anything is looked up.
