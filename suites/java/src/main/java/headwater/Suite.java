package headwater;

import java.math.BigInteger;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.SdkHttpConfigurationOption;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClientBuilder;
import software.amazon.awssdk.services.kinesis.model.*;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.utils.AttributeMap;

/**
 * The AWS SDK for Java v2, unmodified: its asynchronous client with CBOR, over HTTP/2 with prior knowledge and again
 * over TLS on the same port: {@code Suite ENDPOINT ENDPOINT_WITH_AWS_LIMITS}.
 */
public final class Suite {
    interface Scenario {
        void run(Suite open, Suite limited) throws Exception;
    }

    private final KinesisAsyncClient kinesis;

    /** A client as it comes; over TLS it is told to take a certificate that nobody signed. */
    private Suite(String endpoint) {
        KinesisAsyncClientBuilder builder = KinesisAsyncClient.builder()
            .endpointOverride(URI.create(endpoint))
            .region(Region.US_EAST_1)
            .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret")));
        if (endpoint.startsWith("https:")) {
            AttributeMap options = AttributeMap.builder()
                .put(SdkHttpConfigurationOption.PROTOCOL, Protocol.HTTP2)
                .put(SdkHttpConfigurationOption.TRUST_ALL_CERTIFICATES, true)
                .build();
            builder.httpClient(NettyNioAsyncHttpClient.builder().buildWithDefaults(options));
        }
        kinesis = builder.build();
    }

    private static void equal(Object actual, Object expected) {
        if (!Objects.equals(actual, expected)) {
            throw new AssertionError(actual + " is not " + expected);
        }
    }

    private static SdkBytes bytes(String text) {
        return SdkBytes.fromUtf8String(text);
    }

    private String create(int shards) {
        String name = "java-" + UUID.randomUUID();
        kinesis.createStream(r -> r.streamName(name).shardCount(shards)).join();
        active(name);
        return name;
    }

    private void active(String name) {
        kinesis.waiter().waitUntilStreamExists(r -> r.streamName(name)).join();
    }

    private PutRecordResponse put(String name, String data, String key) {
        return kinesis.putRecord(r -> r.streamName(name).data(bytes(data)).partitionKey(key)).join();
    }

    private List<Shard> shards(String name) {
        return kinesis.listShards(r -> r.streamName(name)).join().shards();
    }

    private String iterator(GetShardIteratorRequest.Builder from) {
        return kinesis.getShardIterator(from.build()).join().shardIterator();
    }

    private static GetShardIteratorRequest.Builder from(String name, String shard, ShardIteratorType type) {
        return GetShardIteratorRequest.builder().streamName(name).shardId(shard).shardIteratorType(type);
    }

    /** Reads from an iterator up to the tip or the shard's end; the last reply closes the list. */
    private List<GetRecordsResponse> drain(String position) {
        List<GetRecordsResponse> replies = new ArrayList<>();
        while (true) {
            String here = position;
            GetRecordsResponse reply = kinesis.getRecords(r -> r.shardIterator(here)).join();
            replies.add(reply);
            position = reply.nextShardIterator();
            if (position == null || (reply.records().isEmpty() && reply.millisBehindLatest() == 0)) {
                return replies;
            }
        }
    }

    private List<Record> records(GetShardIteratorRequest.Builder from) {
        return drain(iterator(from)).stream().flatMap(reply -> reply.records().stream()).toList();
    }

    private List<String> read(GetShardIteratorRequest.Builder from) {
        return records(from).stream().map(record -> record.data().asString(StandardCharsets.UTF_8)).toList();
    }

    private List<Shard> split(String name, Shard shard) {
        BigInteger start = new BigInteger(shard.hashKeyRange().startingHashKey());
        BigInteger end = new BigInteger(shard.hashKeyRange().endingHashKey());
        String middle = start.add(end).shiftRight(1).add(BigInteger.ONE).toString();
        kinesis.splitShard(r -> r.streamName(name).shardToSplit(shard.shardId()).newStartingHashKey(middle)).join();
        active(name);
        return shards(name).stream().filter(other -> shard.shardId().equals(other.parentShardId())).toList();
    }

    private static void refused(Class<? extends Exception> kind, CompletableFuture<?> call) {
        try {
            call.join();
        } catch (CompletionException error) {
            if (kind.isInstance(error.getCause())) {
                return;
            }
            throw new AssertionError(kind.getSimpleName() + " expected, not " + error.getCause());
        }
        throw new AssertionError(kind.getSimpleName() + " expected, but the call was taken");
    }

    private static void putRecordAndReadAtSequence(Suite open, Suite limited) {
        String name = open.create(2);
        open.put(name, "before", "key");
        PutRecordResponse put = open.put(name, "the one", "key");
        open.put(name, "after", "key");
        Record first = open.records(from(name, put.shardId(), ShardIteratorType.AT_SEQUENCE_NUMBER)
            .startingSequenceNumber(put.sequenceNumber())).get(0);
        equal(first.sequenceNumber(), put.sequenceNumber());
        equal(first.data(), bytes("the one"));
        equal(Math.abs(first.approximateArrivalTimestamp().toEpochMilli() - System.currentTimeMillis()) < 60_000, true);
    }

    private static List<PutRecordsRequestEntry> batch(int size, int count) {
        SdkBytes data = SdkBytes.fromByteArray(new byte[size]);
        return Collections.nCopies(count, PutRecordsRequestEntry.builder().data(data).partitionKey("k").build());
    }

    private static void putMany(Suite open, Suite limited) {
        String name = open.create(1);
        PutRecordsResponse reply = open.kinesis.putRecords(r -> r.streamName(name).records(batch(1000, 500))).join();
        equal(reply.failedRecordCount(), 0);
        List<Record> back = open.records(from(name, "shardId-000000000000", ShardIteratorType.TRIM_HORIZON));
        equal(back.stream().map(Record::sequenceNumber).toList(),
            reply.records().stream().map(PutRecordsResultEntry::sequenceNumber).toList());
        equal(back.get(7).data().asByteArray().length, 1000);
    }

    private static void partialFailures(Suite open, Suite limited) throws InterruptedException {
        String name = limited.create(1);
        PutRecordsResponse reply = limited.kinesis.putRecords(r -> r.streamName(name).records(batch(4096, 400))).join();
        List<PutRecordsResultEntry> refused = reply.records().stream().filter(e -> e.errorCode() != null).toList();
        equal(refused.size(), reply.failedRecordCount());
        equal(!refused.isEmpty() && refused.size() < 400, true);
        refused.forEach(entry -> equal(entry.errorCode(), "ProvisionedThroughputExceededException"));
        Thread.sleep(1000);
        int taken = limited.records(from(name, "shardId-000000000000", ShardIteratorType.TRIM_HORIZON)).size();
        equal(taken, 400 - refused.size());
    }

    private static void fiveIteratorTypes(Suite open, Suite limited) throws InterruptedException {
        String name = open.create(1);
        List<PutRecordResponse> puts = new ArrayList<>();
        for (String data : List.of("0", "1", "2", "3")) {
            puts.add(open.put(name, data, "k"));
            Thread.sleep(20);
        }
        String shard = puts.get(0).shardId();
        String second = puts.get(1).sequenceNumber();
        equal(open.read(from(name, shard, ShardIteratorType.TRIM_HORIZON)), List.of("0", "1", "2", "3"));
        equal(open.read(from(name, shard, ShardIteratorType.AT_SEQUENCE_NUMBER).startingSequenceNumber(second)),
            List.of("1", "2", "3"));
        equal(open.read(from(name, shard, ShardIteratorType.AFTER_SEQUENCE_NUMBER).startingSequenceNumber(second)),
            List.of("2", "3"));
        Record third = open.records(from(name, shard, ShardIteratorType.TRIM_HORIZON)).get(2);
        equal(open.read(from(name, shard, ShardIteratorType.AT_TIMESTAMP).timestamp(third.approximateArrivalTimestamp())),
            List.of("2", "3"));
        String latest = open.iterator(from(name, shard, ShardIteratorType.LATEST));
        open.put(name, "new", "k");
        equal(open.drain(latest).get(0).records().get(0).data(), bytes("new"));
    }

    private static void splitAndMerge(Suite open, Suite limited) {
        String name = open.create(1);
        Shard parent = open.shards(name).get(0);
        List<Shard> children = open.split(name, parent);
        equal(children.size(), 2);
        String first = children.get(0).shardId();
        String second = children.get(1).shardId();
        open.kinesis.mergeShards(r -> r.streamName(name).shardToMerge(first).adjacentShardToMerge(second)).join();
        open.active(name);
        Shard merged = open.shards(name).get(3);
        equal(List.of(merged.parentShardId(), merged.adjacentParentShardId()), List.of(first, second));
        equal(merged.hashKeyRange(), parent.hashKeyRange());
    }

    private static void closedShardsThenChildren(Suite open, Suite limited) {
        String name = open.create(1);
        IntStream.range(0, 10).forEach(number -> open.put(name, "" + number, "" + number));
        Shard parent = open.shards(name).get(0);
        List<Shard> children = open.split(name, parent);
        IntStream.range(10, 20).forEach(number -> open.put(name, "" + number, "" + number));
        List<GetRecordsResponse> replies =
            open.drain(open.iterator(from(name, parent.shardId(), ShardIteratorType.TRIM_HORIZON)));
        GetRecordsResponse last = replies.get(replies.size() - 1);
        equal(replies.stream().mapToInt(reply -> reply.records().size()).sum(), 10);
        equal(last.nextShardIterator(), null);
        equal(last.childShards().stream().map(ChildShard::shardId).toList(),
            children.stream().map(Shard::shardId).toList());
        equal(last.childShards().get(0).parentShards(), List.of(parent.shardId()));
        int later = children.stream()
            .mapToInt(child -> open.records(from(name, child.shardId(), ShardIteratorType.TRIM_HORIZON)).size()).sum();
        equal(later, 10);
    }

    private static void tags(Suite open, Suite limited) {
        String name = open.create(1);
        open.kinesis.addTagsToStream(r -> r.streamName(name).tags(Map.of("colour", "blue", "size", "10"))).join();
        open.kinesis.removeTagsFromStream(r -> r.streamName(name).tagKeys("size")).join();
        List<Tag> tags = open.kinesis.listTagsForStream(r -> r.streamName(name)).join().tags();
        equal(tags, List.of(Tag.builder().key("colour").value("blue").build()));
    }

    private static void retention(Suite open, Suite limited) {
        String name = open.create(1);
        open.kinesis.increaseStreamRetentionPeriod(r -> r.streamName(name).retentionPeriodHours(100)).join();
        open.active(name);
        open.kinesis.decreaseStreamRetentionPeriod(r -> r.streamName(name).retentionPeriodHours(30)).join();
        DescribeStreamSummaryResponse reply = open.kinesis.describeStreamSummary(r -> r.streamName(name)).join();
        equal(reply.streamDescriptionSummary().retentionPeriodHours(), 30);
        equal(reply.streamDescriptionSummary().streamStatus(), StreamStatus.ACTIVE);
    }

    private static void paging(Suite open, Suite limited) {
        String name = open.create(5);
        String other = open.create(1);
        List<String> names = new ArrayList<>();
        open.kinesis.listStreamsPaginator(r -> r.limit(1)).subscribe(page -> names.addAll(page.streamNames())).join();
        equal(names.contains(name) && names.contains(other), true);
        List<Integer> sizes = new ArrayList<>();
        ListShardsResponse page = open.kinesis.listShards(r -> r.streamName(name).maxResults(2)).join();
        while (true) {
            sizes.add(page.shards().size());
            String token = page.nextToken();
            if (token == null) {
                break;
            }
            page = open.kinesis.listShards(r -> r.nextToken(token).maxResults(2)).join();
        }
        equal(sizes, List.of(2, 2, 1));
    }

    private static void typedErrors(Suite open, Suite limited) {
        String name = open.create(1);
        KinesisAsyncClient kinesis = open.kinesis;
        refused(ResourceNotFoundException.class, kinesis.describeStream(r -> r.streamName("absent")));
        refused(ResourceInUseException.class, kinesis.createStream(r -> r.streamName(name).shardCount(1)));
        refused(LimitExceededException.class, kinesis.createStream(r -> r.streamName("big-" + name).shardCount(100_000)));
        refused(InvalidArgumentException.class, kinesis.getRecords(r -> r.shardIterator("AAAA")));
        refused(ValidationException.class, kinesis.createStream(r -> r.streamName("a b").shardCount(1)));
    }

    private static void subscribeToShard(Suite open, Suite limited) throws InterruptedException {
        String name = open.create(1);
        String stream = open.kinesis.describeStreamSummary(r -> r.streamName(name)).join()
            .streamDescriptionSummary().streamARN();
        String consumer = open.kinesis.registerStreamConsumer(r -> r.streamARN(stream).consumerName("suite")).join()
            .consumer().consumerARN();
        while (open.kinesis.describeStreamConsumer(r -> r.consumerARN(consumer)).join()
            .consumerDescription().consumerStatus() != ConsumerStatus.ACTIVE) {
            Thread.sleep(50);
        }
        IntStream.range(0, 3).forEach(number -> open.put(name, "" + number, "k"));
        Shard shard = open.shards(name).get(0);
        List<SubscribeToShardEvent> events = Collections.synchronizedList(new ArrayList<>());
        SubscribeToShardResponseHandler handler = SubscribeToShardResponseHandler.builder()
            .subscriber(event -> events.add((SubscribeToShardEvent) event))
            .build();
        CompletableFuture<Void> subscription = open.kinesis.subscribeToShard(
            r -> r.consumerARN(consumer).shardId(shard.shardId()).startingPosition(p -> p.type("TRIM_HORIZON")), handler);
        while (events.stream().mapToInt(event -> event.records().size()).sum() < 3) {
            Thread.sleep(20);
        }
        open.split(name, shard); // ends the subscription
        subscription.join();
        SubscribeToShardEvent last = events.get(events.size() - 1);
        equal(events.stream().flatMap(event -> event.records().stream()).map(record -> record.data().asUtf8String()).toList(),
            List.of("0", "1", "2"));
        equal(last.continuationSequenceNumber(), null);
        equal(last.childShards().size(), 2);
        open.kinesis.deregisterStreamConsumer(r -> r.consumerARN(consumer)).join();
    }

    private static Map<String, Scenario> scenarios() {
        Map<String, Scenario> scenarios = new LinkedHashMap<>();
        scenarios.put("put_record_and_read_at_sequence", Suite::putRecordAndReadAtSequence);
        scenarios.put("put_many", Suite::putMany);
        scenarios.put("partial_failures", Suite::partialFailures);
        scenarios.put("five_iterator_types", Suite::fiveIteratorTypes);
        scenarios.put("split_and_merge", Suite::splitAndMerge);
        scenarios.put("closed_shards_then_children", Suite::closedShardsThenChildren);
        scenarios.put("tags", Suite::tags);
        scenarios.put("retention", Suite::retention);
        scenarios.put("paging", Suite::paging);
        scenarios.put("typed_errors", Suite::typedErrors);
        scenarios.put("subscribe_to_shard", Suite::subscribeToShard);
        return scenarios;
    }

    private static String secure(String endpoint) {
        return endpoint.replace("http://", "https://");
    }

    /** Runs everything over one kind of connection; the names of the second kind carry a suffix. */
    private static int runAll(Suite open, Suite limited, String suffix) {
        int failed = 0;
        for (Map.Entry<String, Scenario> scenario : scenarios().entrySet()) {
            try {
                scenario.getValue().run(open, limited);
                System.out.println("ok " + scenario.getKey() + suffix);
            } catch (Exception | AssertionError error) {
                String why = String.valueOf(error).lines().findFirst().orElse("");
                System.out.println("FAILED " + scenario.getKey() + suffix + ": " + why);
                failed++;
            }
        }
        return failed;
    }

    public static void main(String[] endpoints) {
        int failed = runAll(new Suite(endpoints[0]), new Suite(endpoints[1]), "");
        failed += runAll(new Suite(secure(endpoints[0])), new Suite(secure(endpoints[1])), "_over_tls");
        System.exit(failed == 0 ? 0 : 1);
    }
}
