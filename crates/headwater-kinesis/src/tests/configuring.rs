//! Settings of a stream that is there: modes, sizes, metrics, tags and policies by ARN, encryption.
use super::*;
use crate::errors;

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";

/// Runs an operation as the caller does.
macro_rules! call {
    ($house:expr, $operation:ident, $input:expr) => {
        ops::$operation::run(Arc::clone(&$house.kinesis), caller(), $input).await
    };
}

async fn set_mode(house: &House, stream_mode: shape::StreamMode, warm: Option<i32>) -> Result<(), ServiceError> {
    let input = shape::UpdateStreamModeInput {
        stream_arn: ARN.into(),
        stream_mode_details: shape::StreamModeDetails { stream_mode },
        warm_throughput_mibps: warm,
        ..Default::default()
    };
    call!(house, update_stream_mode, input)
}

async fn commit(house: &House, enabled: bool) -> shape::MinimumThroughputBillingCommitmentOutput {
    use shape::MinimumThroughputBillingCommitmentInputStatus::{Disabled, Enabled};
    let status = if enabled { Enabled } else { Disabled };
    let input = shape::UpdateAccountSettingsInput {
        minimum_throughput_billing_commitment: shape::MinimumThroughputBillingCommitmentInput { status },
    };
    let output = call!(house, update_account_settings, input).unwrap();
    let held = call!(house, describe_account_settings, shape::DescribeAccountSettingsInput {}).unwrap();
    assert_eq!(held.minimum_throughput_billing_commitment, output.minimum_throughput_billing_commitment);
    output.minimum_throughput_billing_commitment.unwrap()
}

async fn encrypt(house: &House, key_id: &str) -> Result<(), ServiceError> {
    let input = shape::StartStreamEncryptionInput {
        stream_name: Some("s".into()),
        encryption_type: shape::EncryptionType::Kms,
        key_id: key_id.into(),
        ..Default::default()
    };
    call!(house, start_stream_encryption, input)
}

async fn decrypt(house: &House) -> Result<(), ServiceError> {
    let input = shape::StopStreamEncryptionInput {
        stream_name: Some("s".into()),
        encryption_type: shape::EncryptionType::Kms,
        key_id: "alias/aws/kinesis".into(),
        ..Default::default()
    };
    call!(house, stop_stream_encryption, input)
}

#[tokio::test]
async fn a_stream_changes_its_mode_and_its_shards_stay() {
    let house = House::with_stream(3).await;
    set_mode(&house, shape::StreamMode::OnDemand, None).await.unwrap();
    let summary = house.status().await.unwrap();
    assert_eq!(summary.stream_mode_details.unwrap().stream_mode, shape::StreamMode::OnDemand);
    assert_eq!(summary.open_shard_count, 3);
    refused(house.scale(4).await, "ValidationException", &errors::on_demand("s", "000000000000").message.unwrap());
    set_mode(&house, shape::StreamMode::Provisioned, None).await.unwrap();
    house.scale(4).await.unwrap();
}

#[tokio::test]
async fn warm_throughput_wants_a_commitment_and_an_on_demand_stream() {
    use shape::MinimumThroughputBillingCommitmentOutputStatus as Status;
    let house = House::with_stream(1).await;
    let off = errors::warm_throughput_off().message.unwrap();
    refused(set_mode(&house, shape::StreamMode::OnDemand, Some(9)).await, "ValidationException", &off);
    let begun = commit(&house, true).await;
    assert_eq!((begun.status, begun.ended_at), (Status::Enabled, None));
    set_mode(&house, shape::StreamMode::OnDemand, Some(9)).await.unwrap();
    let input = shape::UpdateStreamWarmThroughputInput {
        stream_name: Some("s".into()),
        warm_throughput_mibps: 12,
        ..Default::default()
    };
    let output = call!(house, update_stream_warm_throughput, input.clone()).unwrap();
    assert_eq!(output.warm_throughput, house.status().await.unwrap().warm_throughput);
    assert_eq!(output.warm_throughput.unwrap().target_mibps, Some(12));
    assert_eq!(commit(&house, false).await.status, Status::EnabledUntilEarliestAllowedEnd);
    house.clock.advance(25 * 3_600_000);
    assert_eq!(commit(&house, false).await.status, Status::Disabled);
    refused(call!(house, update_stream_warm_throughput, input), "ValidationException", &off);
}

#[tokio::test]
async fn a_record_may_be_as_large_as_the_stream_says() {
    let house = House::with_stream(1).await;
    let large = "x".repeat(3 << 20);
    assert_eq!(house.put("k", &large).await.unwrap_err().code, "ValidationException");
    let input = shape::UpdateMaxRecordSizeInput {
        stream_arn: Some(ARN.into()),
        max_record_size_in_kib: 4096,
        ..Default::default()
    };
    call!(house, update_max_record_size, input).unwrap();
    house.put("k", &large).await.unwrap();
    assert_eq!(house.status().await.unwrap().max_record_size_in_kib, Some(4096));
    assert_eq!(house.drain(0).await.0[0].data.len(), large.len());
}

#[tokio::test]
async fn a_stream_that_distributes_by_itself_needs_no_partition_key() {
    let house = House::with_stream(1).await;
    let auto = || shape::UpdateStreamRecordDistributionStrategyInput {
        stream_arn: ARN.into(),
        record_distribution_strategy: shape::RecordDistributionStrategy::Auto,
        ..Default::default()
    };
    let provisioned = errors::distribution_provisioned().message.unwrap();
    let refusal = call!(house, update_stream_record_distribution_strategy, auto());
    refused(refusal, "ValidationException", &provisioned);
    set_mode(&house, shape::StreamMode::OnDemand, None).await.unwrap();
    call!(house, update_stream_record_distribution_strategy, auto()).unwrap();
    let input = shape::PutRecordInput { stream_name: Some("s".into()), ..Default::default() };
    call!(house, put_record, input).unwrap();
    assert_eq!(house.drain(0).await.0[0].partition_key, None);
}

#[tokio::test]
async fn shard_metrics_are_switched_on_and_off_by_name_and_all_at_once() {
    use shape::MetricsName::{All, IncomingBytes, IteratorAgeMilliseconds, OutgoingBytes};
    let house = House::with_stream(1).await;
    let on = |names: &[shape::MetricsName]| shape::EnableEnhancedMonitoringInput {
        stream_name: Some("s".into()),
        shard_level_metrics: names.to_vec(),
        ..Default::default()
    };
    let output = call!(house, enable_enhanced_monitoring, on(&[OutgoingBytes, IncomingBytes])).unwrap();
    assert_eq!(output.current_shard_level_metrics, Some(vec![]));
    assert_eq!(output.desired_shard_level_metrics, Some(vec![IncomingBytes, OutgoingBytes]));
    let output = call!(house, enable_enhanced_monitoring, on(&[All])).unwrap();
    assert_eq!(output.current_shard_level_metrics, Some(vec![IncomingBytes, OutgoingBytes]));
    assert_eq!(output.desired_shard_level_metrics.map(|names| names.len()), Some(7));
    let off = shape::DisableEnhancedMonitoringInput {
        stream_name: Some("s".into()),
        shard_level_metrics: vec![IteratorAgeMilliseconds],
        ..Default::default()
    };
    assert_eq!(
        call!(house, disable_enhanced_monitoring, off).unwrap().desired_shard_level_metrics.map(|names| names.len()),
        Some(6)
    );
    let shown = house.reopened().await.status().await.unwrap().enhanced_monitoring.remove(0);
    assert_eq!(shown.shard_level_metrics.map(|names| names.len()), Some(6));
}

#[tokio::test]
async fn tags_by_arn_are_the_tags_by_name() {
    let house = House::with_stream(1).await;
    let tags = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())].into();
    call!(house, tag_resource, shape::TagResourceInput { resource_arn: ARN.into(), tags, ..Default::default() })
        .unwrap();
    let keys = vec!["a".to_owned()];
    let input = shape::UntagResourceInput { resource_arn: ARN.into(), tag_keys: keys, ..Default::default() };
    call!(house, untag_resource, input).unwrap();
    let input = shape::ListTagsForStreamInput { stream_name: Some("s".into()), ..Default::default() };
    let by_name = call!(house, list_tags_for_stream, input).unwrap().tags;
    let input = shape::ListTagsForResourceInput { resource_arn: ARN.into(), ..Default::default() };
    assert_eq!(call!(house, list_tags_for_resource, input).unwrap().tags.as_ref(), Some(&by_name));
    assert_eq!(by_name, [shape::Tag { key: "b".into(), value: Some("2".into()) }]);
}

#[tokio::test]
async fn a_resource_policy_is_kept_as_it_was_given() {
    let house = House::with_stream(1).await;
    let get = async || {
        let input = shape::GetResourcePolicyInput { resource_arn: ARN.into(), ..Default::default() };
        call!(house, get_resource_policy, input).unwrap().policy
    };
    let put = async |policy: &str| {
        let (resource_arn, policy) = (ARN.to_owned(), policy.to_owned());
        call!(house, put_resource_policy, shape::PutResourcePolicyInput { resource_arn, policy, ..Default::default() })
    };
    assert_eq!(get().await, "{}");
    put("{ }").await.unwrap();
    assert_eq!(get().await, "{ }");
    assert_eq!(put("nonsense").await.unwrap_err().code, "InvalidArgumentException");
    let input = shape::DeleteResourcePolicyInput { resource_arn: ARN.into(), ..Default::default() };
    call!(house, delete_resource_policy, input).unwrap();
    assert_eq!(get().await, "{}");
}

#[tokio::test]
async fn what_is_written_while_a_key_is_set_is_encrypted_and_read_by_the_next_process() {
    let house = House::with_stream(1).await;
    assert_eq!(house.put("k", "before").await.unwrap().encryption_type, None);
    encrypt(&house, "alias/on").await.unwrap();
    let summary = house.status().await.unwrap();
    assert_eq!(summary.encryption_type, Some(shape::EncryptionType::Kms));
    assert_eq!(summary.key_id.as_deref(), Some("alias/on"));
    assert_eq!(house.put("k", "first").await.unwrap().encryption_type, Some(shape::EncryptionType::Kms));
    encrypt(&house, "alias/aws/kinesis").await.unwrap();
    house.put("k", "second").await.unwrap();
    decrypt(&house).await.unwrap();
    assert_eq!(house.put("k", "after").await.unwrap().encryption_type, None);
    assert_eq!(house.status().await.unwrap().encryption_type, Some(shape::EncryptionType::None));
    for house in [&house, &house.reopened().await] {
        let (records, _) = house.drain(0).await;
        assert_eq!(data(&records), ["before", "first", "second", "after"]);
        let kms = Some(shape::EncryptionType::Kms);
        let types: Vec<_> = records.iter().map(|record| record.encryption_type).collect();
        assert_eq!(types, [None, kms, kms, None]);
        assert!(records.iter().all(|record| record.partition_key.as_deref() == Some("k")));
    }
    let incarnation = house.kinesis.catalog.read().all().next().unwrap().2.incarnation;
    let log = headwater_log::LogId::new(headwater_log::LogGroup(incarnation), 0);
    let limits = headwater_log::Limits { entries: 10, bytes: 1 << 20 };
    let entries = house.engine.read(log, headwater_log::Seq::ZERO, limits).await.unwrap().entries;
    let holds = |nth: usize, text: &str| entries[nth].bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds(0, "before") && !holds(1, "first") && !holds(2, "second") && holds(3, "after"));
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_refused() {
    let house = House::with_stream(1).await;
    for (key_id, code) in [
        ("off", "KMSDisabledException"),
        ("alias/none", "KMSNotFoundException"),
        ("arn:aws:kms:us-east-1:111111111111:key/on", "KMSAccessDeniedException"),
    ] {
        assert_eq!(encrypt(&house, key_id).await.unwrap_err().code, code);
    }
    assert_eq!(house.put("k", "d").await.unwrap().encryption_type, None);
}

#[tokio::test]
async fn while_a_setting_is_on_its_way_the_stream_is_updating_and_takes_records() {
    let house = House::new(KinesisSettings { transition_ms: 50, ..KinesisSettings::default() }).await;
    house.create("s", Some(1)).await.unwrap();
    let duties = tokio::spawn(crate::run_duties(Arc::clone(&house.kinesis)));
    let settled = async |status: shape::StreamStatus| {
        while house.status().await.unwrap().stream_status != status {
            house.clock.advance(10);
            tokio::task::yield_now().await;
        }
    };
    settled(shape::StreamStatus::Active).await;
    encrypt(&house, "on").await.unwrap();
    assert_eq!(house.status().await.unwrap().stream_status, shape::StreamStatus::Updating);
    assert_eq!(house.put("k", "d").await.unwrap().encryption_type, None);
    refused(
        decrypt(&house).await,
        "ResourceInUseException",
        "Stream s under account 000000000000 not ACTIVE, instead in state UPDATING",
    );
    settled(shape::StreamStatus::Active).await;
    assert_eq!(house.put("k", "d").await.unwrap().encryption_type, Some(shape::EncryptionType::Kms));
    duties.abort();
}

#[tokio::test]
async fn a_consumer_has_tags_and_a_policy_of_its_own() {
    let house = House::with_stream(1).await;
    let input = shape::RegisterStreamConsumerInput {
        stream_arn: ARN.into(),
        consumer_name: "c".into(),
        tags: Some([("a".to_owned(), "1".to_owned())].into()),
        ..Default::default()
    };
    let arn = call!(house, register_stream_consumer, input).unwrap().consumer.consumer_arn;
    let tags = [("b".to_owned(), "2".to_owned())].into();
    call!(house, tag_resource, shape::TagResourceInput { resource_arn: arn.clone(), tags, ..Default::default() })
        .unwrap();
    let input = shape::ListTagsForResourceInput { resource_arn: arn.clone(), ..Default::default() };
    let tags = call!(house, list_tags_for_resource, input).unwrap().tags.unwrap();
    assert_eq!(tags.iter().map(|tag| &*tag.key).collect::<Vec<_>>(), ["a", "b"]);
    let input = shape::PutResourcePolicyInput { resource_arn: arn.clone(), policy: "{ }".into(), ..Default::default() };
    call!(house, put_resource_policy, input).unwrap();
    let get = async |resource_arn: &str| {
        let input = shape::GetResourcePolicyInput { resource_arn: resource_arn.into(), ..Default::default() };
        call!(house, get_resource_policy, input).map(|output| output.policy)
    };
    assert_eq!((get(&arn).await.as_deref(), get(ARN).await.as_deref()), (Ok("{ }"), Ok("{}")));
    assert_eq!(get(&format!("{ARN}/consumer/c:1")).await.unwrap_err().code, "ResourceNotFoundException");
}
