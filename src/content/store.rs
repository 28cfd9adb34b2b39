//! The store: the essays on disk, `content/essays/*.md`. Nothing else writes there.
