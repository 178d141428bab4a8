//! The service as a whole, over the memory engine and a clock that stands still.
