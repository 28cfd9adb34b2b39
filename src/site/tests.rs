//! Whole sites, built in memory.
