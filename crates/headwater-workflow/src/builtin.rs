//! Operations of the four services, known without any description. Invariant: an operation that two services have is
//! chosen by what the step says of it, never by chance.
use headwater_wire::{dynamodb, dynamodb_streams, firehose, kinesis};

/// A service whose operations are known.
#[derive(Debug)]
pub(crate) struct Service {
    /// What people call it.
    pub(crate) title: &'static str,
    /// Stands before the dot of `X-Amz-Target`.
    pub(crate) prefix: &'static str,
    /// What it is called in a signature.
    pub(crate) scope: &'static str,
    /// What its bodies are.
    pub(crate) content_type: &'static str,
    /// By one of these in its name or URL, a source description is the service's; the first that fits.
    hints: &'static [&'static str],
    operations: &'static [&'static str],
}

const SERVICES: [Service; 4] = [
    Service {
        title: "Firehose",
        prefix: firehose::TARGET_PREFIX,
        scope: "firehose",
        content_type: "application/x-amz-json-1.1",
        hints: &["firehose"],
        operations: firehose::OPERATIONS,
    },
    Service {
        title: "DynamoDB Streams",
        prefix: dynamodb_streams::TARGET_PREFIX,
        scope: "dynamodb",
        content_type: "application/x-amz-json-1.0",
        hints: &["dynamodbstreams", "streamsdynamodb"],
        operations: dynamodb_streams::OPERATIONS,
    },
    Service {
        title: "DynamoDB",
        prefix: dynamodb::TARGET_PREFIX,
        scope: "dynamodb",
        content_type: "application/x-amz-json-1.0",
        hints: &["dynamodb"],
        operations: dynamodb::OPERATIONS,
    },
    Service {
        title: "Kinesis",
        prefix: kinesis::TARGET_PREFIX,
        scope: "kinesis",
        content_type: "application/x-amz-json-1.1",
        hints: &["kinesis"],
        operations: kinesis::OPERATIONS,
    },
];

/// The service of an `X-Amz-Target`, and the operation it names.
pub(crate) fn of_target(target: &str) -> Option<(&'static Service, &str)> {
    let (prefix, operation) = target.split_once('.')?;
    let service = SERVICES.iter().find(|service| service.prefix == prefix)?;
    Some((service, operation))
}

/// The service that has the operation. `target` is the step's own `X-Amz-Target`, `sources` are names and URLs of
/// descriptions it may be from.
///
/// # Errors
/// A sentence if no service has it, or several do and nothing says which is meant.
pub(crate) fn find(operation: &str, target: Option<&str>, sources: &str) -> Result<&'static Service, String> {
    if let Some((service, named)) = target.and_then(of_target)
        && named == operation
    {
        return Ok(service);
    }
    let having: Vec<&'static Service> =
        SERVICES.iter().filter(|service| service.operations.contains(&operation)).collect();
    let sources: String = sources.to_lowercase().chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
    let is_hinted = |service: &&&Service| service.hints.iter().any(|hint| sources.contains(hint));
    match (having.as_slice(), having.iter().find(is_hinted)) {
        ([], _) => Err(format!("`{operation}` is no operation of Kinesis, DynamoDB, DynamoDB Streams or Firehose")),
        ([one], _) => Ok(one),
        (_, Some(hinted)) => Ok(hinted),
        (several, None) => {
            let titles: Vec<&str> = several.iter().map(|service| service.title).collect();
            let advice = "a header parameter `X-Amz-Target` tells which is meant";
            Err(format!("`{operation}` is an operation of {}: {advice}", titles.join(" and ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_of_several_services_is_told_apart_by_the_step() {
        let title = |operation, target, sources| find(operation, target, sources).map(|service| service.title);
        assert_eq!(title("PutItem", None, ""), Ok("DynamoDB"));
        assert_eq!(title("PutRecord", Some("Kinesis_20131202.PutRecord"), "firehose"), Ok("Kinesis"));
        assert_eq!(title("PutRecord", Some("Firehose_20150804.PutRecord"), ""), Ok("Firehose"));
        assert_eq!(title("PutRecord", None, "kinesisApi ../openapi/amazon-kinesis.yml"), Ok("Kinesis"));
        assert_eq!(title("PutRecord", None, "amazon-kinesis-firehose.yml"), Ok("Firehose"));
        assert_eq!(title("GetRecords", None, "dynamodb-streams.yml"), Ok("DynamoDB Streams"));
        assert!(title("PutRecord", None, "api.yml").unwrap_err().contains("Firehose and Kinesis"));
        assert!(title("FlyToMoon", None, "").is_err());
    }

    #[test]
    fn a_target_names_its_service() {
        assert_eq!(
            of_target("DynamoDB_20120810.GetItem").map(|(service, name)| (service.scope, name)),
            Some(("dynamodb", "GetItem"))
        );
        assert!(of_target("Lambda.Invoke").is_none() && of_target("nothing").is_none());
    }
}
