//! Plugins that were compiled when an interface was published: every later host loads them, and they give what they
//! gave then.
