//! Which candidate is best, and whether it is good enough.
