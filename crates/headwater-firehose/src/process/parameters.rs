//! Processors as they are asked for, checked and made into steps.
//!
//! Invariant: steps that stand were asked for in the service's terms; what was not given has the service's default.
//! Parameters that a processor does not know are passed over, and of one given twice the last counts, as on AWS.
use super::{FunctionStep, Steps, compressed::Unpacking, query::Query, sub_records::SubRecords};
use headwater_wire::firehose::{Processor, ProcessorParameterName as Name, ProcessorType};
use std::str::FromStr;

/// What is said of an enabled processing configuration that has no processor, or too many.
pub(crate) const PROCESSOR_COUNT: &str =
    "A maximum of 5 and a minimum of 1 processor needs to be supplied when processing is enabled.";
const PROCESSORS: usize = 5;
const RETRIES: u32 = 3;
const MOST_RETRIES: u32 = 300;
const BATCH_MB: f64 = 1.0;
const BATCH_MB_RANGE: std::ops::RangeInclusive<f64> = 0.2..=3.0;
const BATCH_SECONDS: u64 = 60;
const MOST_BATCH_SECONDS: u64 = 900;
const NEWLINE: &str = "\n";

pub(super) fn steps(processors: &[Processor], is_partitioned: bool) -> Result<Steps, String> {
    if processors.len() > PROCESSORS {
        return Err(PROCESSOR_COUNT.to_owned());
    }
    let mut steps = Steps::default();
    let mut is_for_messages = None;
    for (at, processor) in processors.iter().enumerate() {
        let kind = &processor.r#type;
        if processors.iter().take(at).any(|earlier| earlier.r#type == *kind) {
            return Err(format!("Cannot have more than 1 {} processor.", kind.as_str()));
        }
        let partitioned_only = matches!(kind, ProcessorType::RecordDeAggregation | ProcessorType::MetadataExtraction);
        if partitioned_only && !is_partitioned {
            return Err(format!(
                "class com.amazonaws.services.firehose.internal.model.{}Processor can only be present when Dynamic \
                 Partitioning is enabled.",
                kind.as_str()
            ));
        }
        match kind {
            ProcessorType::RecordDeAggregation => steps.sub_records = Some(sub_records(processor)?),
            ProcessorType::Decompression => steps.unpacking = Some(unpacking(processor)?),
            ProcessorType::CloudWatchLogProcessing => is_for_messages = Some(is_extracted(processor)?),
            ProcessorType::Lambda => steps.function = Some(function(processor)?),
            ProcessorType::MetadataExtraction => steps.query = Some(query(processor)?),
            ProcessorType::AppendDelimiterToRecord => steps.delimiter = Some(delimiter(processor).into()),
        }
    }
    match (&mut steps.unpacking, is_for_messages) {
        (Some(unpacking), Some(is_for_messages)) => unpacking.is_for_messages = is_for_messages,
        (None, Some(_)) => {
            return Err("CloudWatchLogProcessingProcessor can only be enabled with DecompressionProcessor".to_owned());
        }
        (_, None) => {}
    }
    if is_partitioned && steps.query.is_none() && steps.function.is_none() {
        return Err(
            "A MetadataExtraction or a Lambda processor is required when Dynamic Partitioning is enabled.".to_owned()
        );
    }
    Ok(steps)
}

fn value<'a>(processor: &'a Processor, name: &Name) -> Option<&'a str> {
    let mut parameters = processor.parameters.iter().flatten().rev();
    parameters.find(|parameter| parameter.parameter_name == *name).map(|parameter| &*parameter.parameter_value)
}

/// The number that stands under `name`, if one does, and it is in the range; `refusal` otherwise.
fn number<T: FromStr>(
    processor: &Processor,
    name: &Name,
    is_in_range: impl Fn(&T) -> bool,
    refusal: &str,
) -> Result<Option<T>, String> {
    let Some(text) = value(processor, name) else { return Ok(None) };
    text.trim().parse().ok().filter(is_in_range).map(Some).ok_or_else(|| refusal.to_owned())
}

fn function(processor: &Processor) -> Result<FunctionStep, String> {
    let arn = value(processor, &Name::LambdaArn).ok_or("LambdaArn is required when Lambda processor is used.")?;
    let refusal = "Number of retries for lambda must be between 0 and 300.";
    let retries = number(processor, &Name::NumberOfRetries, |retries| *retries <= MOST_RETRIES, refusal)?;
    let refusal = "BufferSizeInMBs for lambda processor must be between 0.2 and 3.";
    let mb = number(processor, &Name::BufferSizeInMBs, |mb| BATCH_MB_RANGE.contains(mb), refusal)?;
    let refusal = "BufferIntervalInSeconds for lambda processor must be between 0 and 900.";
    let is_in_range = |seconds: &u64| *seconds <= MOST_BATCH_SECONDS;
    let seconds = number(processor, &Name::BufferIntervalInSeconds, is_in_range, refusal)?;
    if mb.is_some() != seconds.is_some() {
        return Err("Both BufferSizeInMBs and BufferIntervalInSeconds are required to configure buffering for lambda \
                    processor."
            .to_owned());
    }
    let bytes = mb.unwrap_or(BATCH_MB) * f64::from(1_u32 << 20);
    // At most three times 2^20.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let batch_bytes = bytes as usize;
    Ok(FunctionStep {
        arn: arn.into(),
        retries: retries.unwrap_or(RETRIES),
        batch_bytes,
        batch_ms: seconds.unwrap_or(BATCH_SECONDS) * 1000,
    })
}

fn sub_records(processor: &Processor) -> Result<SubRecords, String> {
    match value(processor, &Name::SubRecordType) {
        Some("JSON") => Ok(SubRecords::Json),
        Some("DELIMITED") => {
            let encoded = value(processor, &Name::Delimiter).ok_or("Delimiter should be present for DELIMITED")?;
            let delimiter = base64_simd::STANDARD.decode_to_vec(encoded.as_bytes()).unwrap_or_default();
            if delimiter.is_empty() {
                return Err("Delimiter should be a base64 encoded string for DELIMITED".to_owned());
            }
            Ok(SubRecords::Delimited(delimiter))
        }
        _ => Err("SubRecordType has to be one of JSON, DELIMITED".to_owned()),
    }
}

fn unpacking(processor: &Processor) -> Result<Unpacking, String> {
    match value(processor, &Name::CompressionFormat) {
        None | Some("GZIP") => Ok(Unpacking { is_for_messages: false }),
        Some(_) => Err("CompressionFormat has to be GZIP".to_owned()),
    }
}

fn is_extracted(processor: &Processor) -> Result<bool, String> {
    let value = value(processor, &Name::DataMessageExtraction).map(str::to_ascii_lowercase);
    value.as_deref().and_then(|value| value.parse().ok()).ok_or_else(|| {
        "Invalid parameter value for DataMessageExtraction. Allowed values are True and False.".to_owned()
    })
}

fn query(processor: &Processor) -> Result<Query, String> {
    if value(processor, &Name::JsonParsingEngine) != Some("JQ-1.6") {
        return Err("MetaDataExtraction JSON Parsing Engine has to be one of JQ-1.6".to_owned());
    }
    let text = value(processor, &Name::MetadataExtractionQuery);
    Query::new(text.ok_or("MetadataExtractionQuery is required when MetadataExtraction processor is used.")?)
}

/// What is appended: as it stands, but for the escapes that consoles and templates write.
fn delimiter(processor: &Processor) -> String {
    let text = value(processor, &Name::Delimiter).unwrap_or(NEWLINE);
    let mut delimiter = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let escaped = if letter == '\\' { letters.as_str().chars().next() } else { None };
        let meant = match escaped {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('\\') => '\\',
            _ => {
                delimiter.push(letter);
                continue;
            }
        };
        letters.next();
        delimiter.push(meant);
    }
    delimiter
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use headwater_wire::firehose::ProcessorParameter;

    const KINDS: [ProcessorType; 6] = [
        ProcessorType::RecordDeAggregation,
        ProcessorType::Decompression,
        ProcessorType::CloudWatchLogProcessing,
        ProcessorType::Lambda,
        ProcessorType::MetadataExtraction,
        ProcessorType::AppendDelimiterToRecord,
    ];
    const NAMES: [Name; 10] = [
        Name::LambdaArn,
        Name::NumberOfRetries,
        Name::MetadataExtractionQuery,
        Name::JsonParsingEngine,
        Name::BufferSizeInMBs,
        Name::BufferIntervalInSeconds,
        Name::SubRecordType,
        Name::Delimiter,
        Name::CompressionFormat,
        Name::DataMessageExtraction,
    ];

    pub(crate) fn processor(kind: &str, parameters: &[(&str, &str)]) -> Processor {
        let parameter = |(name, value): &(&str, &str)| ProcessorParameter {
            parameter_name: NAMES.into_iter().find(|member| member.as_str() == *name).unwrap(),
            parameter_value: (*value).to_owned(),
        };
        let kind = KINDS.into_iter().find(|member| member.as_str() == kind).unwrap();
        Processor { r#type: kind, parameters: Some(parameters.iter().map(parameter).collect()) }
    }

    fn refusal(processors: &[Processor], is_partitioned: bool) -> String {
        steps(processors, is_partitioned).err().unwrap_or_default()
    }

    /// The function of a processor with `parameters` and an ARN.
    fn function_with(parameters: &[(&str, &str)]) -> Result<FunctionStep, String> {
        let parameters = [&[("LambdaArn", "arn:f")], parameters].concat();
        steps(&[processor("Lambda", &parameters)], false).map(|steps| steps.function.unwrap())
    }

    #[test]
    fn a_function_has_the_defaults_of_the_service() {
        let expected = FunctionStep { arn: "arn:f".into(), retries: 3, batch_bytes: 1 << 20, batch_ms: 60_000 };
        assert_eq!(function_with(&[]), Ok(expected));
    }

    #[test]
    fn a_function_is_called_as_its_parameters_say() {
        let parameters = [("NumberOfRetries", "0"), ("BufferSizeInMBs", "0.2"), ("BufferIntervalInSeconds", "900")];
        let expected = FunctionStep { arn: "arn:f".into(), retries: 0, batch_bytes: 209_715, batch_ms: 900_000 };
        assert_eq!(function_with(&parameters), Ok(expected));
    }

    #[test]
    fn a_function_out_of_range_is_refused() {
        for (parameters, sentence) in [
            (&[("NumberOfRetries", "301")][..], "Number of retries for lambda must be between 0 and 300."),
            (&[("NumberOfRetries", "many")], "Number of retries for lambda must be between 0 and 300."),
            (&[("BufferSizeInMBs", "0.1")], "BufferSizeInMBs for lambda processor must be between 0.2 and 3."),
            (&[("BufferSizeInMBs", "NaN")], "BufferSizeInMBs for lambda processor must be between 0.2 and 3."),
            (
                &[("BufferSizeInMBs", "1"), ("BufferIntervalInSeconds", "901")],
                "BufferIntervalInSeconds for lambda processor must be between 0 and 900.",
            ),
            (
                &[("BufferSizeInMBs", "1")],
                "Both BufferSizeInMBs and BufferIntervalInSeconds are required to configure buffering for lambda processor.",
            ),
        ] {
            assert_eq!(function_with(parameters), Err(sentence.to_owned()));
        }
    }

    #[test]
    fn processors_that_do_not_go_together_are_refused() {
        let lambda = || processor("Lambda", &[("LambdaArn", "arn:f")]);
        let json = || processor("RecordDeAggregation", &[("SubRecordType", "JSON")]);
        let logs = processor("CloudWatchLogProcessing", &[("DataMessageExtraction", "true")]);
        assert_eq!(refusal(&[lambda(), lambda()], false), "Cannot have more than 1 Lambda processor.");
        assert_eq!(refusal(&[processor("Lambda", &[])], false), "LambdaArn is required when Lambda processor is used.");
        assert_eq!(
            refusal(&[json()], false),
            "class com.amazonaws.services.firehose.internal.model.RecordDeAggregationProcessor can only be present when \
             Dynamic Partitioning is enabled."
        );
        assert_eq!(
            refusal(&[logs], false),
            "CloudWatchLogProcessingProcessor can only be enabled with DecompressionProcessor"
        );
        assert_eq!(
            refusal(&[json()], true),
            "A MetadataExtraction or a Lambda processor is required when Dynamic Partitioning is enabled."
        );
        assert_eq!(refusal(&[lambda(), json()], true), "");
    }

    #[test]
    fn wrong_parameters_are_refused() {
        for (kind, parameters, sentence) in [
            ("RecordDeAggregation", &[("SubRecordType", "XML")][..], "SubRecordType has to be one of JSON, DELIMITED"),
            ("RecordDeAggregation", &[("SubRecordType", "DELIMITED")], "Delimiter should be present for DELIMITED"),
            (
                "RecordDeAggregation",
                &[("SubRecordType", "DELIMITED"), ("Delimiter", "#")],
                "Delimiter should be a base64 encoded string for DELIMITED",
            ),
            (
                "MetadataExtraction",
                &[("MetadataExtractionQuery", "{a:.a}")],
                "MetaDataExtraction JSON Parsing Engine has to be one of JQ-1.6",
            ),
            ("Decompression", &[("CompressionFormat", "ZIP")], "CompressionFormat has to be GZIP"),
            (
                "CloudWatchLogProcessing",
                &[("DataMessageExtraction", "yes")],
                "Invalid parameter value for DataMessageExtraction. Allowed values are True and False.",
            ),
        ] {
            assert_eq!(refusal(&[processor(kind, parameters)], true), sentence);
        }
    }

    #[test]
    fn a_delimiter_may_be_escaped() {
        let delimiter = |parameters: &[(&str, &str)]| {
            steps(&[processor("AppendDelimiterToRecord", parameters)], false).unwrap().delimiter.unwrap()
        };
        assert_eq!(delimiter(&[]), "\n");
        assert_eq!(delimiter(&[("Delimiter", "\\n")]), "\n");
        assert_eq!(delimiter(&[("Delimiter", "\n")]), "\n");
        assert_eq!(delimiter(&[("Delimiter", "a\\tb\\\\n\\x\\")]), "a\tb\\n\\x\\");
    }
}
