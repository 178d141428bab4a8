//! Kinesis Data Streams, one file per operation: what it cannot read, what it does not take, what it does.
mod add_tags_to_stream;
mod create_stream;
mod decrease_stream_retention_period;
mod delete_stream;
mod deregister_stream_consumer;
mod describe_limits;
mod describe_stream;
mod describe_stream_consumer;
mod describe_stream_summary;
mod enable_enhanced_monitoring;
mod get_records;
mod get_shard_iterator;
mod increase_stream_retention_period;
mod list_shards;
mod list_stream_consumers;
mod list_streams;
mod list_tags_for_stream;
mod merge_shards;
mod put_record;
mod put_records;
mod put_resource_policy;
mod register_stream_consumer;
mod remove_tags_from_stream;
mod split_shard;
mod start_stream_encryption;
mod states;
mod subscribe_to_shard;
mod tag_resource;
mod update_account_settings;
mod update_max_record_size;
mod update_shard_count;
mod update_stream_mode;
mod update_stream_record_distribution_strategy;

/// The two chapters that are the same in every operation on a stream, from its name, its members by kind, and what a
/// whole request has besides the stream.
macro_rules! common_chapters {
    ($operation:literal, $members:expr, $rest:expr) => {
        #[test]
        fn serialization_every_kind_of_fault_has_its_sentence() {
            crate::server::shared().refuses_other_kinds($operation, &$members);
        }

        #[test]
        fn validation_of_the_stream_name() {
            crate::server::shared().wants_a_stream($operation, &$rest);
        }
    };
}
use common_chapters;
