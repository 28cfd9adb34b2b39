//! `venti.lock`: the models a site uses, pinned, so that a build with nothing new
//! needs neither weights nor network.
