//! Kinesis' streams, as CloudWatch counts them. Invariant: a stream with which nothing was done since the server began
//! has no sample, and there are never more streams than are counted one by one.
use super::{Head, Labels, counters, gauges, millis};
use headwater_kinesis::{ReaderReading, StreamReading};
use prometheus_client::{encoding::DescriptorEncoder, registry::Unit};
use std::fmt;

/// A count of a stream: its name, what it means, its unit, and where it stands.
type Count<T> = (&'static str, &'static str, Option<Unit>, fn(&T) -> u64);

const IN: [Count<StreamReading>; 4] = [
    ("kinesis_incoming_records", "Records put and durable", None, |it| it.incoming_records),
    ("kinesis_incoming", "Data and partition keys of records put", Some(Unit::Bytes), |it| it.incoming_bytes),
    ("kinesis_throttled_records", "Records refused by the rate of their shard", None, |it| it.throttled_records),
    ("kinesis_throttled_reads", "GetRecords refused by the rate of the shard", None, |it| it.throttled_reads),
];

const OUT: [Count<ReaderReading>; 2] = [
    ("kinesis_outgoing_records", "Records delivered to those who poll or to a consumer", None, |it| it.records),
    ("kinesis_outgoing", "Data of records delivered", Some(Unit::Bytes), |it| it.bytes),
];

pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, streams: &[StreamReading]) -> fmt::Result {
    for (name, help, unit, count) in IN {
        let samples = streams.iter().map(|stream| (labels(stream), count(stream)));
        counters(encoder, Head(name, help, unit), samples)?;
    }
    for (name, help, unit, count) in OUT {
        let samples = readers(streams).map(|(labels, reader)| (labels, count(reader)));
        counters(encoder, Head(name, help, unit), samples)?;
    }
    let help = "How far behind the tip the slowest shard's reader was, as last told";
    let ages = readers(streams).filter_map(|(labels, reader)| Some((labels, millis(reader.behind_ms?))));
    gauges(encoder, Head("kinesis_iterator_age", help, Some(Unit::Seconds)), ages)
}

fn labels(stream: &StreamReading) -> Labels<'_> {
    vec![("account", &stream.account), ("region", &stream.region), ("stream", &stream.name)]
}

fn readers(streams: &[StreamReading]) -> impl Iterator<Item = (Labels<'_>, &ReaderReading)> {
    streams.iter().flat_map(|stream| {
        stream.readers.iter().map(|reader| {
            let mut labels = labels(stream);
            labels.push(("consumer", &reader.consumer));
            (labels, reader)
        })
    })
}
