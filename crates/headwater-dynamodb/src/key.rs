//! Keys of items: their schema, and their bytes in the order of the values.
