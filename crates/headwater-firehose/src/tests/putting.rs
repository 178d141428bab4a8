//! Putting records, encrypted or not.
use super::*;
use crate::catalog::DeliveryStream;
use headwater_log::{Limits, Seq};

fn record(data: &[u8]) -> Value {
    json!({"Data": base64_simd::STANDARD.encode_to_string(data)})
}

impl House {
    fn stream(&self) -> DeliveryStream {
        self.firehose.catalog.read().stream("123456789012", "us-east-1", "d").unwrap().clone()
    }

    /// What stands in the direct log, opened.
    async fn stored(&self) -> Vec<Option<Bytes>> {
        let log = self.stream().direct_log();
        let batch = self.engine.read(log, Seq::ZERO, Limits { entries: 1000, bytes: 1 << 30 }).await.unwrap();
        let mut stored = Vec::new();
        for entry in &batch.entries {
            stored.push(self.firehose.open_record(log, &entry.bytes).await.unwrap());
        }
        stored
    }
}

#[tokio::test]
async fn what_is_put_is_stored_in_order_under_ids_of_its_own() {
    let house = House::with_stream().await;
    let put = house.ok("PutRecord", with("Record", record(b"a"))).await;
    let batch = house.ok("PutRecordBatch", with("Records", json!([record(b"b"), record(b"")]))).await;
    assert_eq!(
        (&batch["FailedPutCount"], &batch["Encrypted"], &put["Encrypted"]),
        (&json!(0), &json!(false), &json!(false))
    );
    let ids = [&put["RecordId"], &batch["RequestResponses"][0]["RecordId"], &batch["RequestResponses"][1]["RecordId"]];
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    let data = ["a", "b", ""].map(|data| Some(Bytes::from(data)));
    assert_eq!(house.reopened().await.stored().await, data);
}

#[tokio::test]
async fn a_batch_holds_four_mebibytes_and_no_byte_more() {
    let house = House::with_stream().await;
    let of = |sizes: &[usize]| {
        let records: Vec<Value> = sizes.iter().map(|size| record(&vec![7; *size])).collect();
        with("Records", Value::Array(records))
    };
    let sizes = [1_024_000, 1_024_000, 1_024_000, 1_024_000, (4 << 20) - 4_096_000];
    house.ok("PutRecordBatch", of(&sizes)).await;
    let more = [&sizes[..], &[1]].concat();
    let refusal = "Records size exceeds 4 MB limit".to_owned();
    assert_eq!(house.refused("PutRecordBatch", of(&more)).await, ("InvalidArgumentException", refusal));
    assert_eq!(house.refused("PutRecordBatch", of(&[1_024_001])).await.0, "ValidationException");
}

#[tokio::test]
async fn what_was_put_encrypted_stays_readable_when_the_key_changes_or_goes() {
    let house = House::with_stream().await;
    let put = |data: &'static [u8]| house.ok("PutRecord", with("Record", record(data)));
    let keys = |key_type: &str, arn: Option<&str>| {
        let mut wanted = json!({"KeyType": key_type});
        if let Some(arn) = arn {
            wanted["KeyARN"] = json!(arn);
        }
        with("DeliveryStreamEncryptionConfigurationInput", wanted)
    };
    house.ok("StartDeliveryStreamEncryption", named()).await;
    assert_eq!(put(b"ours").await["Encrypted"], true);
    let shown = json!({"KeyType": "AWS_OWNED_CMK", "Status": "ENABLED"});
    assert_eq!(house.described().await["DeliveryStreamEncryptionConfiguration"], shown);
    let on = format!("{KEYS}/on");
    house.ok("StartDeliveryStreamEncryption", keys("CUSTOMER_MANAGED_CMK", Some(&on))).await;
    put(b"theirs").await;
    let shown = json!({"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": on, "Status": "ENABLED"});
    assert_eq!(house.described().await["DeliveryStreamEncryptionConfiguration"], shown);
    house.ok("StopDeliveryStreamEncryption", named()).await;
    assert_eq!(put(b"plain").await["Encrypted"], false);
    assert_eq!(house.described().await["DeliveryStreamEncryptionConfiguration"], json!({"Status": "DISABLED"}));
    let data = ["ours", "theirs", "plain"].map(|data| Some(Bytes::from(data)));
    assert_eq!(house.reopened().await.stored().await, data);
    for input in [keys("CUSTOMER_MANAGED_CMK", None), keys("AWS_OWNED_CMK", Some(&on))] {
        assert_eq!(house.refused("StartDeliveryStreamEncryption", input).await.0, "InvalidArgumentException");
    }
    let off = keys("CUSTOMER_MANAGED_CMK", Some(&format!("{KEYS}/off")));
    let refusal = house.call("StartDeliveryStreamEncryption", off).await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.message),
        ("InvalidKMSResourceException", Some(format!("{KEYS}/off is disabled.")))
    );
    let code = headwater_wire::ErrorMembers::Code("KMSDisabledException".into());
    assert_eq!(refusal.members.as_deref(), Some(&code));
}

#[tokio::test]
async fn beyond_the_rate_records_are_refused_one_by_one() {
    let house = House::new(FirehoseSettings { rate_limits: true, ..FirehoseSettings::default() }).await;
    house.ok("CreateDeliveryStream", with("S3DestinationConfiguration", bucket())).await;
    let full: Vec<Value> = (0..5).map(|_| record(&vec![0; 1_000_000])).collect();
    for half in [&full[..3], &full[3..]] {
        house.ok("PutRecordBatch", with("Records", json!(half))).await;
    }
    let rest = (5 << 20) - 5_000_000;
    let batch = with("Records", json!([record(&vec![0; rest + 1]), record(&vec![0; rest]), record(b"x")]));
    let answer = house.ok("PutRecordBatch", batch).await;
    let slow = json!({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."});
    assert_eq!(answer["FailedPutCount"], 2);
    let each = &answer["RequestResponses"];
    assert_eq!((&each[0], &each[2]), (&slow, &slow));
    assert!(each[1]["RecordId"].is_string());
    let refusal = house.refused("PutRecord", with("Record", record(b"x"))).await;
    assert_eq!(refusal, ("ServiceUnavailableException", "Slow down.".to_owned()));
    assert_eq!(house.stored().await.len(), 6);
}
