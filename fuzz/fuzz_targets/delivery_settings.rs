//! Any texts as a prefix, a time zone and a query: refused in the service's words, or a delivery stream that delivers, to
//! keys that begin as the prefix does. The input is a line each for prefix, query and zone, then a record.
#![no_main]
use headwater_fuzz::Works;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use std::sync::{LazyLock, Mutex};

static WORKS: LazyLock<Mutex<Works>> = LazyLock::new(|| Mutex::new(Works::open()));
const NAME: &str = "d";

fuzz_target!(|input: &str| {
    let works = WORKS.lock().unwrap();
    let mut lines = input.splitn(4, '\n');
    let mut next = || lines.next().filter(|line| !line.is_empty());
    let (prefix, query, zone, record) = (next(), next(), next(), next());
    // Whatever it is, keys do not begin as those of errors.
    let prefix = format!("p{}", prefix.unwrap_or_default());
    let mut wanted = json!({"Prefix": prefix, "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/"});
    if let Some(zone) = zone {
        wanted["CustomTimeZone"] = zone.into();
    }
    if let Some(query) = query {
        let parameter = |name, value| json!({"ParameterName": name, "ParameterValue": value});
        let parameters = [parameter("MetadataExtractionQuery", query), parameter("JsonParsingEngine", "JQ-1.6")];
        wanted["ProcessingConfiguration"] =
            json!({"Enabled": true, "Processors": [{"Type": "MetadataExtraction", "Parameters": parameters}]});
        wanted["DynamicPartitioningConfiguration"] = json!({"Enabled": true});
        wanted["BufferingHints"] = json!({"SizeInMBs": 64, "IntervalInSeconds": 60});
    }
    if let Err(refusal) = works.create(NAME, wanted) {
        assert!(["InvalidArgumentException", "ValidationException"].contains(&refusal.code), "{refusal}");
        return;
    }
    let record = record.unwrap_or_default().as_bytes().to_vec();
    let delivered = works.deliver(NAME, std::slice::from_ref(&record));
    match delivered.objects.as_slice() {
        [] => assert!(query.is_some() && delivered.failed == [record]),
        [(key, body)] => {
            assert!(*body == record && delivered.failed.is_empty());
            let leading = prefix.split("!{").next().unwrap_or_default();
            assert!(key.starts_with(leading), "{key}");
        }
        more => panic!("{} objects of one record", more.len()),
    }
    works.call("DeleteDeliveryStream", json!({"DeliveryStreamName": NAME})).unwrap();
});
