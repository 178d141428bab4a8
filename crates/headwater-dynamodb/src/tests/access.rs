//! Every operation asks before it runs, and about everything it does.
use super::*;
use headwater_wire::Ask;
use serde_json::json;
use std::sync::Mutex;

/// Notes what it is asked, and refuses once it is strict.
#[derive(Default)]
struct Doorkeeper {
    asked: Mutex<Vec<String>>,
    is_strict: std::sync::atomic::AtomicBool,
}

impl Access for Doorkeeper {
    fn is_open(&self) -> bool {
        false
    }

    fn check_policy(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn decide(&self, ask: &Ask<'_>) -> Result<(), ServiceError> {
        let Ask { service, operation, resource, request_tags, resource_tags, .. } = ask;
        let resource = resource.trim_start_matches("arn:aws:dynamodb:us-east-1:000000000000:");
        let tags = [request_tags, resource_tags].map(|tags| tags.keys().cloned().collect::<String>());
        self.asked.lock().unwrap().push(format!("{}:{operation} {resource} {}", service.scope(), tags.join("/")));
        if self.is_strict.load(Ordering::Relaxed) {
            return Err(ServiceError::new("AccessDeniedException", "no"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn each_operation_asks_about_all_it_does() {
    let doorkeeper = Arc::new(Doorkeeper::default());
    let house = House::guarded(DynamoDbSettings::default(), Arc::clone(&doorkeeper) as Arc<dyn Access>).await;
    let asked = || std::mem::take(&mut *doorkeeper.asked.lock().unwrap());
    let tagged = json!({"Tags": [{"Key": "t", "Value": "1"}],
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}});
    house.call("CreateTable", &music(&tagged)).await.unwrap();
    assert_eq!(asked(), ["dynamodb:CreateTable table/music t/"]);
    let stream = house.described().await["LatestStreamArn"].as_str().unwrap().to_owned();
    assert_eq!(asked(), ["dynamodb:DescribeTable table/music /t"]);
    doorkeeper.is_strict.store(true, Ordering::Relaxed);
    let key = json!({"artist": {"S": "a"}, "song": {"S": "s"}});
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/music";
    let label = stream.trim_start_matches(arn);
    for (operation, input, expected) in [
        ("GetItem", json!({"TableName": arn, "Key": key}), "dynamodb:GetItem table/music /t".to_owned()),
        ("Query", json!({"TableName": "music", "IndexName": "abc"}), "dynamodb:Query table/music/index/abc /t".into()),
        ("ListTables", json!({}), "dynamodb:ListTables * /".into()),
        (
            "TagResource",
            json!({"ResourceArn": arn, "Tags": [{"Key": "u", "Value": ""}]}),
            "dynamodb:TagResource table/music u/t".into(),
        ),
        (
            "GetRecords",
            json!({"ShardIterator": format!("{stream}|1|x")}),
            format!("dynamodb:GetRecords table/music{label} /t"),
        ),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"Put": {"TableName": "music", "Item": key}}]}),
            "dynamodb:PutItem table/music /t".into(),
        ),
        (
            "BatchGetItem",
            json!({"RequestItems": {"other": {"Keys": [key]}}}),
            "dynamodb:BatchGetItem table/other /".into(),
        ),
    ] {
        let refusal = house.call(operation, &input.to_string()).await.unwrap_err();
        assert_eq!((refusal.code, asked()), ("AccessDeniedException", vec![expected]), "{operation}");
    }
}
