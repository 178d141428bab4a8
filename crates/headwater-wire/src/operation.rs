//! What an operation is on the wire: a name, what goes in, what comes out, and the dialect a request is spoken in.

/// The services whose models Headwater carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Service {
    /// Kinesis Data Streams.
    Kinesis,
    /// `DynamoDB`.
    DynamoDb,
    /// `DynamoDB` Streams.
    DynamoDbStreams,
    /// Data Firehose.
    Firehose,
}

/// How a body is encoded; a reply speaks the request's dialect.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dialect {
    /// `application/x-amz-json-1.0`
    Json10,
    /// `application/x-amz-json-1.1`
    Json11,
    /// `application/x-amz-cbor-1.1`: Java's Kinesis clients.
    Cbor11,
}

/// One operation of a service. Implemented by the generated marker types.
pub trait Operation: Send + Sync + 'static {
    /// The model's name, as in `X-Amz-Target` behind the dot.
    const NAME: &'static str;
    /// Whose operation it is.
    const SERVICE: Service;
    /// An operation without an output shape answers with an empty body.
    const EMPTY_OUTPUT: bool;
}
