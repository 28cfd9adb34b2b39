//! Slugs: the names of things in addresses.
