//! JSON 1.0 and 1.1 as the services speak it; between the two only the content type differs.
mod quoted;
mod reader;
mod writer;

pub(crate) use reader::JsonReader;
pub(crate) use writer::JsonWriter;
