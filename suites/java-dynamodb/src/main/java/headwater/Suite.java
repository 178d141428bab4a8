// Java's enhanced client and the DynamoDB Lock Client, unmodified: `Suite ENDPOINT ENDPOINT_WITH_AWS_LIMITS`.
package headwater;

import com.amazonaws.services.dynamodbv2.AcquireLockOptions;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBLockClient;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBLockClientOptions;
import com.amazonaws.services.dynamodbv2.CreateDynamoDBTableOptions;
import com.amazonaws.services.dynamodbv2.model.LockNotGrantedException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.enhanced.dynamodb.DynamoDbEnhancedClient;
import software.amazon.awssdk.enhanced.dynamodb.DynamoDbTable;
import software.amazon.awssdk.enhanced.dynamodb.Expression;
import software.amazon.awssdk.enhanced.dynamodb.Key;
import software.amazon.awssdk.enhanced.dynamodb.TableSchema;
import software.amazon.awssdk.enhanced.dynamodb.extensions.annotations.DynamoDbAtomicCounter;
import software.amazon.awssdk.enhanced.dynamodb.extensions.annotations.DynamoDbVersionAttribute;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbBean;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbPartitionKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSecondaryPartitionKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSecondarySortKey;
import software.amazon.awssdk.enhanced.dynamodb.mapper.annotations.DynamoDbSortKey;
import software.amazon.awssdk.enhanced.dynamodb.model.BatchGetItemEnhancedRequest;
import software.amazon.awssdk.enhanced.dynamodb.model.BatchWriteItemEnhancedRequest;
import software.amazon.awssdk.enhanced.dynamodb.model.ConditionCheck;
import software.amazon.awssdk.enhanced.dynamodb.model.EnhancedGlobalSecondaryIndex;
import software.amazon.awssdk.enhanced.dynamodb.model.QueryConditional;
import software.amazon.awssdk.enhanced.dynamodb.model.ReadBatch;
import software.amazon.awssdk.enhanced.dynamodb.model.WriteBatch;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.dynamodb.model.ConditionalCheckFailedException;
import software.amazon.awssdk.services.dynamodb.model.ProjectionType;
import software.amazon.awssdk.services.dynamodb.model.TransactionCanceledException;

public final class Suite {
    private static int failed;

    @DynamoDbBean
    public static class Thing {
        private String id;
        private Integer number;
        private String owner;
        private Instant at;
        private Set<String> tags;
        private Map<String, List<Integer>> deep;
        private Long version;
        private Long changes;

        @DynamoDbPartitionKey
        public String getId() { return id; }
        public void setId(String value) { id = value; }

        @DynamoDbSortKey
        @DynamoDbSecondarySortKey(indexNames = "byOwner")
        public Integer getNumber() { return number; }
        public void setNumber(Integer value) { number = value; }

        @DynamoDbSecondaryPartitionKey(indexNames = "byOwner")
        public String getOwner() { return owner; }
        public void setOwner(String value) { owner = value; }

        public Instant getAt() { return at; }
        public void setAt(Instant value) { at = value; }

        public Set<String> getTags() { return tags; }
        public void setTags(Set<String> value) { tags = value; }

        public Map<String, List<Integer>> getDeep() { return deep; }
        public void setDeep(Map<String, List<Integer>> value) { deep = value; }

        @DynamoDbVersionAttribute
        public Long getVersion() { return version; }
        public void setVersion(Long value) { version = value; }

        @DynamoDbAtomicCounter
        public Long getChanges() { return changes; }
        public void setChanges(Long value) { changes = value; }
    }

    private interface Scenario {
        void run() throws Exception;
    }

    private static void scenario(String name, Scenario scenario) {
        try {
            scenario.run();
            System.out.println("ok " + name);
        } catch (Throwable error) {
            failed++;
            error.printStackTrace();
            System.out.println("FAILED " + name + ": " + error);
        }
    }

    private static void equal(Object actual, Object expected) {
        if (!actual.equals(expected)) {
            throw new AssertionError(actual + " is not " + expected);
        }
    }

    private static String fresh(String prefix) {
        return prefix + "-" + UUID.randomUUID().toString().substring(0, 8);
    }

    private static Thing thing(String id, int number) {
        Thing thing = new Thing();
        thing.setId(id);
        thing.setNumber(number);
        thing.setOwner("o" + number % 2);
        return thing;
    }

    private static Key key(String id, int number) {
        return Key.builder().partitionValue(id).sortValue(number).build();
    }

    private static <E extends Throwable> E refused(Class<E> kind, Scenario scenario) throws Exception {
        try {
            scenario.run();
        } catch (Throwable error) {
            if (kind.isInstance(error)) {
                return kind.cast(error);
            }
            throw new AssertionError("refused otherwise", error);
        }
        throw new AssertionError("was taken");
    }

    private static void beans(DynamoDbTable<Thing> things) throws Exception {
        Thing thing = thing("a", 1);
        thing.setAt(Instant.parse("2026-11-21T12:00:00.123456789Z"));
        thing.setTags(Set.of("x", "y"));
        thing.setDeep(Map.of("m", List.of(1, 2)));
        things.putItem(thing);
        Thing found = things.getItem(request -> request.key(key("a", 1)).consistentRead(true));
        equal(List.of(found.getAt(), found.getTags(), found.getDeep()), List.of(thing.getAt(), thing.getTags(), thing.getDeep()));
        found.setOwner("other");
        Thing updated = things.updateItem(found);
        equal(List.of(updated.getOwner(), updated.getVersion() - found.getVersion(), updated.getChanges()), List.of("other", 1L, 1L));
        refused(ConditionalCheckFailedException.class, () -> things.updateItem(found));
        equal(things.deleteItem(key("a", 1)).getOwner(), "other");
        equal(Optional.ofNullable(things.getItem(key("a", 1))), Optional.empty());
    }

    private static void batchesQueriesAndIndexes(DynamoDbEnhancedClient client, DynamoDbTable<Thing> things) {
        for (int begin = 0; begin < 50; begin += 25) {
            WriteBatch.Builder<Thing> batch = WriteBatch.builder(Thing.class).mappedTableResource(things);
            IntStream.range(begin, begin + 25).forEach(number -> batch.addPutItem(thing("q", number)));
            client.batchWriteItem(BatchWriteItemEnhancedRequest.builder().writeBatches(batch.build()).build());
        }
        ReadBatch.Builder<Thing> batch = ReadBatch.builder(Thing.class).mappedTableResource(things);
        IntStream.range(0, 60).forEach(number -> batch.addGetItem(key("q", number)));
        BatchGetItemEnhancedRequest request = BatchGetItemEnhancedRequest.builder().readBatches(batch.build()).build();
        equal(client.batchGetItem(request).resultsForTable(things).stream().count(), 50L);
        QueryConditional between = QueryConditional.sortBetween(key("q", 10), key("q", 14));
        List<Integer> numbers = things.query(query -> query.queryConditional(between).limit(2).scanIndexForward(false))
            .items().stream().map(Thing::getNumber).toList();
        equal(numbers, List.of(14, 13, 12, 11, 10));
        Expression filter = Expression.builder().expression("#n > :n").putExpressionName("#n", "version")
            .putExpressionValue(":n", AttributeValue.fromN("99")).build();
        equal(things.scan(scan -> scan.filterExpression(filter).limit(7)).items().stream().count(), 0L);
        QueryConditional owned = QueryConditional.sortGreaterThan(Key.builder().partitionValue("o1").sortValue(44).build());
        equal(things.index("byOwner").query(owned).stream().flatMap(page -> page.items().stream()).map(Thing::getNumber).toList(), List.of(45, 47, 49));
    }

    private static void transactions(DynamoDbEnhancedClient client, DynamoDbTable<Thing> things) throws Exception {
        client.transactWriteItems(write -> write.addPutItem(things, thing("t", 1)).addPutItem(things, thing("t", 2)));
        Expression absent = Expression.builder().expression("attribute_not_exists(id)").build();
        ConditionCheck<Thing> check = ConditionCheck.builder().key(key("t", 1)).conditionExpression(absent).build();
        TransactionCanceledException error = refused(TransactionCanceledException.class, () -> client.transactWriteItems(
            write -> write.addDeleteItem(things, key("t", 2)).addConditionCheck(things, check)));
        equal(error.cancellationReasons().stream().map(reason -> reason.code()).toList(), List.of("None", "ConditionalCheckFailed"));
        equal(client.transactGetItems(get -> get.addGetItem(things, key("t", 1)).addGetItem(things, key("t", 2)))
            .stream().map(document -> document.getItem(things).getNumber()).toList(), List.of(1, 2));
    }

    private static AmazonDynamoDBLockClient locks(DynamoDbClient client, String table, String owner, boolean beats) {
        return new AmazonDynamoDBLockClient(AmazonDynamoDBLockClientOptions.builder(client, table).withOwnerName(owner)
            .withTimeUnit(TimeUnit.MILLISECONDS).withLeaseDuration(900L).withHeartbeatPeriod(200L).withCreateHeartbeatBackgroundThread(beats).build());
    }

    private static AcquireLockOptions lock(String data, long waits) {
        return AcquireLockOptions.builder("the lock").withData(ByteBuffer.wrap(data.getBytes(StandardCharsets.UTF_8)))
            .withReplaceData(true).withRefreshPeriod(50L).withAdditionalTimeToWaitForLock(waits).withTimeUnit(TimeUnit.MILLISECONDS).build();
    }

    private static void lockClient(DynamoDbClient client) throws Exception {
        String table = fresh("locks");
        AmazonDynamoDBLockClient.createLockTableInDynamoDB(CreateDynamoDBTableOptions.builder(client,
            software.amazon.awssdk.services.dynamodb.model.ProvisionedThroughput.builder().readCapacityUnits(5L).writeCapacityUnits(5L).build(), table).build());
        client.waiter().waitUntilTableExists(request -> request.tableName(table));
        try (AmazonDynamoDBLockClient one = locks(client, table, "one", true); AmazonDynamoDBLockClient two = locks(client, table, "two", true)) {
            equal(one.lockTableExists(), true);
            var held = one.acquireLock(lock("first", 0));
            Thread.sleep(1500); // longer than the lease: the heartbeats keep it
            refused(LockNotGrantedException.class, () -> two.acquireLock(lock("second", 0)));
            equal(two.getLock("the lock", Optional.empty()).isPresent(), true);
            equal(one.releaseLock(held), true);
            var taken = two.acquireLock(lock("second", 2000));
            equal(taken.getOwnerName(), "two");
            two.releaseLock(taken);
            AmazonDynamoDBLockClient dead = locks(client, table, "dead", false);
            dead.acquireLock(lock("third", 0)); // and never beats: its lease runs out
            equal(one.acquireLock(lock("fourth", 3000)).getOwnerName(), "one");
            AtomicInteger inside = new AtomicInteger();
            AtomicInteger most = new AtomicInteger();
            List<Thread> threads = IntStream.range(0, 4).mapToObj(number -> new Thread(() -> {
                try (AmazonDynamoDBLockClient own = locks(client, table, "thread" + number, true)) {
                    for (int round = 0; round < 3; round++) {
                        var mine = own.acquireLock(AcquireLockOptions.builder("shared").withRefreshPeriod(20L)
                            .withAdditionalTimeToWaitForLock(30_000L).withTimeUnit(TimeUnit.MILLISECONDS).build());
                        most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                        Thread.sleep(10);
                        inside.decrementAndGet();
                        own.releaseLock(mine);
                    }
                } catch (Exception error) {
                    most.set(1000);
                    error.printStackTrace();
                }
            })).toList();
            threads.forEach(Thread::start);
            for (Thread thread : threads) {
                thread.join();
            }
            equal(most.get(), 1);
        }
    }

    public static void main(String[] arguments) {
        var credentials = StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret"));
        DynamoDbClient plain = DynamoDbClient.builder().endpointOverride(URI.create(arguments[0])).region(Region.US_EAST_1).credentialsProvider(credentials).build();
        DynamoDbEnhancedClient client = DynamoDbEnhancedClient.builder().dynamoDbClient(plain).build();
        DynamoDbTable<Thing> things = client.table(fresh("Thing"), TableSchema.fromBean(Thing.class));
        things.createTable(request -> request.globalSecondaryIndices(EnhancedGlobalSecondaryIndex.builder().indexName("byOwner")
            .projection(projection -> projection.projectionType(ProjectionType.ALL)).build()));
        plain.waiter().waitUntilTableExists(request -> request.tableName(things.tableName()));
        scenario("beans", () -> beans(things));
        // A version's condition has no place in a batch.
        DynamoDbEnhancedClient bare = DynamoDbEnhancedClient.builder().dynamoDbClient(plain).extensions(List.of()).build();
        DynamoDbTable<Thing> same = bare.table(things.tableName(), things.tableSchema());
        scenario("batches_queries_and_indexes", () -> batchesQueriesAndIndexes(bare, same));
        scenario("transactions", () -> transactions(client, things));
        scenario("lock_client_locks_and_hands_over", () -> lockClient(plain));
        System.exit(failed == 0 ? 0 : 1);
    }
}
