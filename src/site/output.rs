//! The built site on disk. Nothing else writes under `output/`.
