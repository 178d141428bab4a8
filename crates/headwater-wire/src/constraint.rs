//! The model's constraints, and the sentences the services make of what violates them. All violations of a request are
//! told together, in the order of the members, however the request was ordered.
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    ErrorKind, ServiceError,
    codec::{Encode, Shape},
    java,
    pattern::Pattern,
};

/// The services tell no more than this many violations at once.
const MAX_TOLD: usize = 10;

/// One step from the input down to a value.
pub(crate) enum Step {
    /// Into a member of a structure.
    Member(&'static Shape, usize),
    /// Into an element of a list.
    Element(usize),
    /// Into an entry of a map.
    Entry(usize, String),
}

impl Step {
    /// Where the step stands among its siblings when violations are told.
    fn rank(&self) -> usize {
        match self {
            Self::Member(_, index) | Self::Element(index) | Self::Entry(index, _) => *index,
        }
    }
}

#[derive(Debug)]
struct Violation {
    place: Vec<usize>,
    sentence: String,
}

/// What violates constraints so far, and where in the input reading has got to.
#[derive(Default)]
pub struct Violations {
    path: Vec<Step>,
    /// Sorted by place; never more than [`MAX_TOLD`].
    found: Vec<Violation>,
    /// A null that must not be there was passed over, so what is read of its list or map is not all of it.
    has_gap: bool,
}

impl Violations {
    /// Goes down one step. What was found below it before is forgotten: of equal names the last one counts.
    pub(crate) fn enter(&mut self, step: Step) {
        self.path.push(step);
        if !self.is_past_all() {
            let place = self.place();
            self.found.retain(|violation| !violation.place.starts_with(&place));
        }
    }

    /// Whether all that was found lies before where reading has got to, as it does in all but odd bodies.
    fn is_past_all(&self) -> bool {
        let here = self.path.iter().map(Step::rank);
        self.found.last().is_none_or(|last| last.place.iter().copied().lt(here))
    }

    pub(crate) fn leave(&mut self) {
        self.path.pop();
    }

    fn place(&self) -> Vec<usize> {
        self.path.iter().map(Step::rank).collect()
    }

    fn name(&self) -> String {
        let mut name = String::new();
        for step in &self.path {
            if !name.is_empty() {
                name.push('.');
            }
            match step {
                Step::Member(shape, member) => {
                    let mut letters = shape.members.get(*member).copied().unwrap_or_default().chars();
                    name.extend(letters.next().map(|first| first.to_ascii_lowercase()));
                    name.push_str(letters.as_str());
                }
                Step::Element(index) => {
                    name.push_str(&(index + 1).to_string());
                    name.push_str(".member");
                }
                Step::Entry(_, key) => {
                    name.push_str(key);
                    name.push_str(".member");
                }
            }
        }
        name
    }

    /// The value where reading has got to violates a constraint.
    pub(crate) fn report(&mut self, value: &dyn Encode, constraint: &str) {
        self.tell(&format!("'{}'", java::text(value)), constraint);
    }

    /// A list's or map's null where reading has got to.
    pub(crate) fn null_inside(&mut self) {
        self.has_gap = true;
        self.null_here();
    }

    /// Whether the list or map just read lacks a null, so that nothing can be said of it as a whole.
    pub(crate) fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.has_gap)
    }

    /// Null where reading has got to.
    fn null_here(&mut self) {
        self.tell("null", "Member must not be null");
    }

    /// The structure just read has the members whose bits are set.
    pub(crate) fn missing(&mut self, shape: &'static Shape, present: u64) {
        if shape.required & !present == 0 {
            return;
        }
        for member in 0..shape.members.len() {
            let bit = 1_u64.wrapping_shl(u32::try_from(member).unwrap_or(0));
            if shape.required & !present & bit != 0 {
                self.path.push(Step::Member(shape, member));
                self.null_here();
                self.path.pop();
            }
        }
    }

    fn tell(&mut self, value: &str, constraint: &str) {
        if self.found.len() == MAX_TOLD && self.is_past_all() {
            return;
        }
        let place = self.place();
        let at = self.found.partition_point(|violation| violation.place <= place);
        if at < MAX_TOLD {
            let sentence = format!("Value {value} at '{}' failed to satisfy constraint: {constraint}", self.name());
            self.found.insert(at, Violation { place, sentence });
            self.found.truncate(MAX_TOLD);
        }
    }

    /// All violations in the service's one sentence.
    ///
    /// # Errors
    /// `ValidationException` if there are any.
    pub(crate) fn into_result(self) -> Result<(), ServiceError> {
        let plural = match self.found.len() {
            0 => return Ok(()),
            1 => "",
            _ => "s",
        };
        let sentences: Vec<&str> = self.found.iter().map(|violation| violation.sentence.as_str()).collect();
        let message = format!("{} validation error{plural} detected: {}", sentences.len(), sentences.join("; "));
        Err(ServiceError { message: Some(message), ..ServiceError::bare("ValidationException", ErrorKind::Sender) })
    }
}

/// What a value must satisfy.
pub(crate) trait Rule<T> {
    /// Names each constraint that `value` violates.
    fn broken(&self, value: &T, tell: &mut dyn FnMut(String));
    /// Names all constraints: of a list's elements the services tell all of them when one is violated.
    fn all(&self, tell: &mut dyn FnMut(String));
}

/// No constraint.
pub(crate) struct Free;

impl<T> Rule<T> for Free {
    fn broken(&self, _value: &T, _tell: &mut dyn FnMut(String)) {}
    fn all(&self, _tell: &mut dyn FnMut(String)) {}
}

/// How long a value may be: UTF-16 units of a string, bytes, elements, entries.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    pub(crate) min: Option<usize>,
    pub(crate) max: Option<usize>,
}

impl Length {
    fn check(self, len: usize, tell: &mut dyn FnMut(String)) {
        if let Some(min) = self.min.filter(|min| len < *min) {
            tell(at_least(min));
        }
        if let Some(max) = self.max.filter(|max| len > *max) {
            tell(at_most(max));
        }
    }

    fn list(self, tell: &mut dyn FnMut(String)) {
        self.max.into_iter().for_each(|max| tell(at_most(max)));
        self.min.into_iter().for_each(|min| tell(at_least(min)));
    }
}

fn at_least(min: usize) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn at_most(max: usize) -> String {
    format!("Member must have length less than or equal to {max}")
}

impl Rule<Bytes> for Length {
    fn broken(&self, value: &Bytes, tell: &mut dyn FnMut(String)) {
        self.check(value.len(), tell);
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        self.list(tell);
    }
}

/// What a string must be like.
pub(crate) struct Text {
    pub(crate) length: Length,
    pub(crate) pattern: Option<Pattern>,
}

impl Rule<String> for Text {
    fn broken(&self, value: &String, tell: &mut dyn FnMut(String)) {
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.matches(value)) {
            tell(pattern.sentence());
        }
        let len = if value.is_ascii() { value.len() } else { value.encode_utf16().count() };
        self.length.check(len, tell);
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        self.length.list(tell);
        self.pattern.iter().for_each(|pattern| tell(pattern.sentence()));
    }
}

/// The words a string must be one of, in the order in which the service lists them.
pub(crate) struct OneOf(pub(crate) &'static [&'static str]);

impl OneOf {
    fn sentence(&self) -> String {
        format!("Member must satisfy enum value set: [{}]", self.0.join(", "))
    }
}

impl Rule<String> for OneOf {
    fn broken(&self, value: &String, tell: &mut dyn FnMut(String)) {
        if !self.0.contains(&value.as_str()) {
            tell(self.sentence());
        }
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        tell(self.sentence());
    }
}

/// Between which values a number must lie.
pub(crate) struct Range {
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

impl Range {
    fn check(&self, below: impl Fn(i64) -> bool, above: impl Fn(i64) -> bool, tell: &mut dyn FnMut(String)) {
        if let Some(min) = self.min.filter(|min| below(*min)) {
            tell(format!("Member must have value greater than or equal to {min}"));
        }
        if let Some(max) = self.max.filter(|max| above(*max)) {
            tell(format!("Member must have value less than or equal to {max}"));
        }
    }

    fn list(&self, tell: &mut dyn FnMut(String)) {
        self.max.into_iter().for_each(|max| tell(format!("Member must have value less than or equal to {max}")));
        self.min.into_iter().for_each(|min| tell(format!("Member must have value greater than or equal to {min}")));
    }
}

impl<N: Copy + Into<Number>> Rule<N> for Range {
    fn broken(&self, value: &N, tell: &mut dyn FnMut(String)) {
        match (*value).into() {
            Number::Whole(value) => self.check(|min| value < min, |max| value > max, tell),
            Number::Decimal(value) => self.check(|min| value < as_f64(min), |max| value > as_f64(max), tell),
        }
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        self.list(tell);
    }
}

/// Any of the models' numbers.
pub(crate) enum Number {
    Whole(i64),
    Decimal(f64),
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        Self::Whole(i64::from(value))
    }
}
impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Whole(value)
    }
}
impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Decimal(value)
    }
}

/// The models' bounds are small whole numbers.
#[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
const fn as_f64(bound: i64) -> f64 {
    bound as f64
}

/// What a list and each of its elements must be like.
pub(crate) struct ListOf<R> {
    pub(crate) length: Length,
    pub(crate) each: R,
}

impl<T, R: Rule<T>> Rule<Vec<T>> for ListOf<R> {
    fn broken(&self, value: &Vec<T>, tell: &mut dyn FnMut(String)) {
        self.length.check(value.len(), tell);
        each(&self.each, value, "Member", tell);
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        self.length.list(tell);
        gathered(&self.each, "Member", tell);
    }
}

/// What a map, its keys and its values must be like.
pub(crate) struct MapOf<K, R> {
    pub(crate) length: Length,
    pub(crate) key: K,
    pub(crate) value: R,
}

impl<T, K: Rule<String>, R: Rule<T>> Rule<BTreeMap<String, T>> for MapOf<K, R> {
    fn broken(&self, value: &BTreeMap<String, T>, tell: &mut dyn FnMut(String)) {
        self.length.check(value.len(), tell);
        each(&self.key, value.keys(), "Map keys", tell);
        each(&self.value, value.values(), "Map value", tell);
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        self.length.list(tell);
        gathered(&self.key, "Map keys", tell);
        gathered(&self.value, "Map value", tell);
    }
}

fn each<'a, T: 'a>(
    rule: &dyn Rule<T>,
    values: impl IntoIterator<Item = &'a T>,
    who: &str,
    tell: &mut dyn FnMut(String),
) {
    let mut violated = false;
    for value in values {
        rule.broken(value, &mut |_| violated = true);
        if violated {
            return gathered(rule, who, tell);
        }
    }
}

fn gathered<T>(rule: &dyn Rule<T>, who: &str, tell: &mut dyn FnMut(String)) {
    let mut sentences = Vec::new();
    rule.all(&mut |sentence| sentences.push(sentence));
    if !sentences.is_empty() {
        tell(format!("{who} must satisfy constraint: [{}]", sentences.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::{Dialect, Input, decode, dynamodb, kinesis};

    fn refused<I: Input + std::fmt::Debug>(body: &str) -> String {
        let error = decode::<I>(Dialect::Json11, &Bytes::copy_from_slice(body.as_bytes())).unwrap_err();
        assert_eq!(error.code, "ValidationException");
        error.message.unwrap()
    }

    #[test]
    fn all_violations_are_told_in_the_order_of_the_members() {
        let told = refused::<kinesis::PutRecordsInput>(r#"{"StreamName":"","Records":[]}"#);
        assert_eq!(
            told,
            "3 validation errors detected: \
             Value '[]' at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1; \
             Value '' at 'streamName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; \
             Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1"
        );
    }

    #[test]
    fn a_null_in_a_list_is_one_violation() {
        let told = refused::<kinesis::PutRecordsInput>(r#"{"StreamName":"a","Records":[null]}"#);
        assert_eq!(
            told,
            "1 validation error detected: Value null at 'records.1.member' failed to satisfy constraint: Member must not \
             be null"
        );
        let told = refused::<kinesis::PutRecordsInput>(r#"{"StreamName":"","Records":[null,{}]}"#);
        assert!(told.starts_with("4 validation errors detected: "), "{told}");
    }

    #[test]
    fn what_must_be_there_is_null_without_quotes() {
        assert_eq!(
            refused::<kinesis::GetShardIteratorInput>("{}"),
            "2 validation errors detected: \
             Value null at 'shardId' failed to satisfy constraint: Member must not be null; \
             Value null at 'shardIteratorType' failed to satisfy constraint: Member must not be null"
        );
        let told = refused::<kinesis::PutRecordInput>(r#"{"StreamName":"a","Data":null}"#);
        assert_eq!(
            told,
            "1 validation error detected: Value null at 'data' failed to satisfy constraint: Member must not be null"
        );
    }

    #[test]
    fn words_are_listed_in_the_services_order() {
        let told = refused::<kinesis::GetShardIteratorInput>(r#"{"ShardId":"a","ShardIteratorType":"x"}"#);
        assert_eq!(
            told,
            "1 validation error detected: Value 'x' at 'shardIteratorType' failed to satisfy constraint: Member must \
             satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
        );
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(
            refused::<kinesis::DescribeStreamInput>(r#"{"StreamName":"a","Limit":0}"#),
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: \
             Member must have value greater than or equal to 1"
        );
        assert_eq!(
            refused::<kinesis::DescribeStreamInput>(r#"{"StreamName":"a","Limit":99999999999}"#),
            "1 validation error detected: Value '2147483647' at 'limit' failed to satisfy constraint: \
             Member must have value less than or equal to 10000"
        );
    }

    #[test]
    fn elements_are_counted_from_one_and_a_blob_is_a_java_buffer() {
        let blob = base64_simd::STANDARD.encode_to_string(vec![0; 10_485_761]);
        let body = format!(r#"{{"StreamName":"a","Records":[{{"Data":"{blob}","PartitionKey":"k"}}]}}"#);
        assert_eq!(
            refused::<kinesis::PutRecordsInput>(&body),
            "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]' at \
             'records.1.member.data' failed to satisfy constraint: Member must have length less than or equal to 10485760"
        );
    }

    #[test]
    fn ten_are_told_and_structures_print_as_java_objects() {
        let records = [r#"{"PartitionKey":"","Data":""}"#; 501].join(",");
        let told = refused::<kinesis::PutRecordsInput>(&format!(r#"{{"StreamName":"","Records":[{records}]}}"#));
        let objects = ["com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@c965e310"; 501].join(", ");
        let list = format!(
            "10 validation errors detected: Value '[{objects}]' at 'records' failed to satisfy constraint: \
             Member must have length less than or equal to 500; "
        );
        let keys = (1..10).map(|index| {
            format!(
                "Value '' at 'records.{index}.member.partitionKey' failed to satisfy constraint: \
                 Member must have length greater than or equal to 1"
            )
        });
        assert_eq!(told, list + &keys.collect::<Vec<_>>().join("; "));
    }

    #[test]
    fn of_elements_keys_and_values_all_constraints_are_told() {
        let long = "a".repeat(129);
        let told = refused::<kinesis::RemoveTagsFromStreamInput>(&format!(
            r#"{{"StreamName":"s","TagKeys":["a","{long}","b"]}}"#
        ));
        let lengths = "[Member must have length less than or equal to 128, \
                       Member must have length greater than or equal to 1]";
        assert_eq!(
            told,
            format!(
                "1 validation error detected: Value '[a, {long}, b]' at 'tagKeys' failed to satisfy constraint: \
                 Member must satisfy constraint: {lengths}"
            )
        );
        let value = "v".repeat(257);
        let body = format!(r#"{{"StreamName":"s","Tags":{{"":"{value}"}}}}"#);
        let values = "[Member must have length less than or equal to 256, \
                      Member must have length greater than or equal to 0]";
        assert_eq!(
            refused::<kinesis::AddTagsToStreamInput>(&body),
            format!(
                "2 validation errors detected: Value '{{={value}}}' at 'tags' failed to satisfy constraint: \
                 Map keys must satisfy constraint: {lengths}; Value '{{={value}}}' at 'tags' failed to satisfy \
                 constraint: Map value must satisfy constraint: {values}"
            )
        );
    }

    #[test]
    fn words_in_a_list_are_quoted_as_sent() {
        let told =
            refused::<kinesis::EnableEnhancedMonitoringInput>(r#"{"StreamName":"s","ShardLevelMetrics":["ALL","x"]}"#);
        let expected = "1 validation error detected: Value '[ALL, x]' at 'shardLevelMetrics' failed to satisfy \
                        constraint: Member must satisfy constraint: [Member must satisfy enum value set: [";
        assert!(told.starts_with(expected), "{told}");
    }

    #[test]
    fn entries_of_a_map_are_named_by_their_key() {
        let told = refused::<dynamodb::QueryInput>(r#"{"TableName":"abc","KeyConditions":{"a":{}}}"#);
        assert_eq!(
            told,
            "1 validation error detected: Value null at 'keyConditions.a.member.comparisonOperator' failed to satisfy \
             constraint: Member must not be null"
        );
    }

    #[test]
    fn of_equal_names_the_last_counts() {
        let body = Bytes::from_static(br#"{"StreamName":"","Limit":0,"StreamName":"good","Limit":5}"#);
        let input: kinesis::DescribeStreamInput = decode(Dialect::Json11, &body).unwrap();
        assert_eq!((input.stream_name.as_deref(), input.limit), (Some("good"), Some(5)));
        let told = refused::<kinesis::DescribeStreamInput>(r#"{"StreamName":"good","StreamName":"!"}"#);
        assert!(told.starts_with("1 validation error detected: Value '!' at 'streamName'"), "{told}");
    }

    #[test]
    fn a_string_is_as_long_as_its_utf16_units() {
        let body = format!(r#"{{"StreamName":"s","Data":"","PartitionKey":"{}"}}"#, "é".repeat(256));
        assert!(decode::<kinesis::PutRecordInput>(Dialect::Json11, &body.into()).is_ok());
        let body = format!(r#"{{"StreamName":"s","Data":"","PartitionKey":"{}"}}"#, "😀".repeat(129));
        assert!(decode::<kinesis::PutRecordInput>(Dialect::Json11, &body.into()).is_err());
    }

    #[test]
    fn the_models_patterns_hold() {
        let accepts = |hash: &str| {
            let body = format!(r#"{{"StreamName":"s","Data":"","PartitionKey":"p","ExplicitHashKey":"{hash}"}}"#);
            decode::<kinesis::PutRecordInput>(Dialect::Json11, &body.into()).is_ok()
        };
        let largest = "340282366920938463463374607431768211455";
        assert!(accepts("0") && accepts("7") && accepts(largest));
        assert!(!accepts("") && !accepts("01") && !accepts("-1") && !accepts(&"9".repeat(40)));
        let arn = |arn: &str| {
            let body = format!(r#"{{"StreamARN":"{arn}"}}"#);
            decode::<kinesis::DescribeStreamInput>(Dialect::Json11, &body.into()).is_ok()
        };
        assert!(arn("arn:aws:kinesis:us-east-1:000000000000:stream/orders"));
        assert!(arn("arn:aws-cn:kinesis:cn-north-1:000000000000:stream/orders"));
        assert!(!arn("arn:aws:kinesis:us-east-1:000:stream/orders"));
        assert!(!arn("arn:aws:kinesis:us-east-1:000000000000:stream/or ders"));
    }
}
