//! The catalog's rules, one after the other.
