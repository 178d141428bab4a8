//! CloudWatch's PutMetricData: the one operation of a service whose model is not carried, in its two encodings with
//! shapes. Members nobody here asks about – units, timestamps, entities – are skipped.
use crate::{
    Dialect, SerializationFault, Service, ServiceError,
    codec::{Reader, Shape, Writer, read},
    constraint::{Free, Violations},
    value::{Structure, optional, put_some},
};
use bytes::Bytes;

/// What clients publish in one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PutMetricData {
    /// Whose metrics these are.
    pub namespace: Option<String>,
    /// The metrics.
    pub metric_data: Option<Vec<MetricDatum>>,
}

/// One metric: a value, a summary of values, or values with their counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricDatum {
    /// Its name.
    pub metric_name: Option<String>,
    /// What tells it from others of its name.
    pub dimensions: Option<Vec<Dimension>>,
    /// One value.
    pub value: Option<f64>,
    /// Many values, summed up.
    pub statistic_values: Option<StatisticSet>,
    /// Many values, each as often as `counts` says, or once.
    pub values: Option<Vec<f64>>,
    /// How often each of `values` was seen.
    pub counts: Option<Vec<f64>>,
}

/// A name and a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dimension {
    /// The name.
    pub name: Option<String>,
    /// The value.
    pub value: Option<String>,
}

/// Values summed up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatisticSet {
    /// How many.
    pub sample_count: Option<f64>,
    /// All together.
    pub sum: Option<f64>,
    /// The least.
    pub minimum: Option<f64>,
    /// The most.
    pub maximum: Option<f64>,
}

/// The call in `body`.
///
/// # Errors
/// `SerializationException` where the body isn't of its shape.
pub fn put_metric_data(dialect: Dialect, body: &Bytes) -> Result<PutMetricData, ServiceError> {
    Ok(read(dialect, Service::Kinesis, body, &mut Violations::default())?)
}

/// Implements [`Structure`] for members that may all be absent.
macro_rules! structure {
    ($name:ident { $($index:literal $field:ident $member:literal,)* }) => {
        impl Structure for $name {
            const SHAPE: &'static Shape =
                &Shape { java: concat!("com.amazonaws.cloudwatch.v2010_08_01.", stringify!($name)), members: &[$($member),*], required: 0 };
            fn read(
                &mut self,
                member: usize,
                r: &mut dyn Reader,
                v: &mut Violations,
            ) -> Result<bool, SerializationFault> {
                match member {
                    $($index => optional(&mut self.$field, r, v, &Free),)*
                    _ => Ok(false),
                }
            }

            fn write(&self, w: &mut dyn Writer) {
                $(put_some(w, $member, &self.$field);)*
            }
        }
    };
}
structure!(PutMetricData { 0 namespace "Namespace", 1 metric_data "MetricData", });
structure!(MetricDatum {
    0 metric_name "MetricName",
    1 dimensions "Dimensions",
    2 value "Value",
    3 statistic_values "StatisticValues",
    4 values "Values",
    5 counts "Counts",
});
structure!(Dimension { 0 name "Name", 1 value "Value", });
structure!(StatisticSet { 0 sample_count "SampleCount", 1 sum "Sum", 2 minimum "Minimum", 3 maximum "Maximum", });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode;

    #[test]
    fn both_encodings_are_read_and_what_is_not_asked_for_is_skipped() {
        let json = br#"{"Namespace":"N","MetricData":[{"MetricName":"m","Dimensions":[{"Name":"d","Value":"v"}],
            "Timestamp":1600000000.5,"Unit":"Count","Value":2.5},{"MetricName":"n","StatisticValues":
            {"SampleCount":2,"Sum":3,"Minimum":1,"Maximum":2}}],"StrictEntityValidation":false}"#;
        let call = put_metric_data(Dialect::Json10, &Bytes::from_static(json)).unwrap();
        let data = call.metric_data.clone().unwrap();
        assert_eq!((data.len(), data[0].value), (2, Some(2.5)));
        assert_eq!(data[1].statistic_values.as_ref().and_then(|set| set.sum), Some(3.0));
        let cbor = Bytes::from(encode(Dialect::Cbor11, &call));
        assert_eq!(put_metric_data(Dialect::Cbor11, &cbor), Ok(call));
        assert!(put_metric_data(Dialect::Json10, &Bytes::from_static(b"[]")).is_err());
    }
}
