//! The sentences AWS's validation speaks in, built from their parts.

/// The account and region of a server without settings.
pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const REGION: &str = "us-east-1";

pub(crate) const NAME_PATTERN: &str = "[a-zA-Z0-9_.-]+";
pub(crate) const ARN_PATTERN: &str = r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+";
pub(crate) const CONSUMER_ARN_PATTERN: &str =
    r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+";
pub(crate) const HASH_KEY_PATTERN: &str = r"0|([1-9]\d{0,38})";
pub(crate) const SEQUENCE_PATTERN: &str = r"0|([1-9]\d{0,128})";

fn at(value: &str, member: &str, rule: &str) -> String {
    format!("Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}")
}

pub(crate) fn not_null(member: &str) -> String {
    format!("Value null at '{member}' failed to satisfy constraint: Member must not be null")
}

pub(crate) fn longer(value: &str, member: &str, least: usize) -> String {
    at(value, member, &format!("have length greater than or equal to {least}"))
}

pub(crate) fn shorter(value: &str, member: &str, most: usize) -> String {
    at(value, member, &format!("have length less than or equal to {most}"))
}

pub(crate) fn more(value: i64, member: &str, least: i64) -> String {
    at(&value.to_string(), member, &format!("have value greater than or equal to {least}"))
}

pub(crate) fn less(value: i64, member: &str, most: i64) -> String {
    at(&value.to_string(), member, &format!("have value less than or equal to {most}"))
}

pub(crate) fn matching(value: &str, member: &str, pattern: &str) -> String {
    at(value, member, &format!("satisfy regular expression pattern: {pattern}"))
}

pub(crate) fn one_of(value: &str, member: &str, set: &str) -> String {
    at(value, member, &format!("satisfy enum value set: [{set}]"))
}

/// The ARN of a stream.
pub(crate) fn arn(stream: &str) -> String {
    format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}")
}

/// "Stream … not found."
pub(crate) fn no_stream(stream: &str) -> String {
    format!("Stream {stream} under account {ACCOUNT} not found.")
}

/// A shard that is well named and not there, as the readers say it.
pub(crate) fn no_such_shard(shard: &str, stream: &str) -> String {
    format!("Shard {shard} in stream {stream} under account {ACCOUNT} does not exist")
}

/// A shard that is not there, as resharding and a faulty name say it.
pub(crate) fn shard_not_found(shard: &str, stream: &str) -> String {
    format!("Could not find shard {shard} in stream {stream} under account {ACCOUNT}.")
}

/// The id of the shard with that index.
pub(crate) fn shard_id(index: u32) -> String {
    format!("shardId-{index:012}")
}
