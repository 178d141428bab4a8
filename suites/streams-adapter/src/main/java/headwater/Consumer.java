package headwater;

import com.amazonaws.services.dynamodbv2.streamsadapter.AmazonDynamoDBStreamsAdapterClient;
import com.amazonaws.services.dynamodbv2.streamsadapter.StreamsSchedulerFactory;
import com.amazonaws.services.dynamodbv2.streamsadapter.adapter.DynamoDBStreamsClientRecord;
import com.amazonaws.services.dynamodbv2.streamsadapter.model.DynamoDBStreamsProcessRecordsInput;
import com.amazonaws.services.dynamodbv2.streamsadapter.polling.DynamoDBStreamsPollingConfig;
import com.amazonaws.services.dynamodbv2.streamsadapter.processor.DynamoDBStreamsShardRecordProcessor;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.model.Record;
import software.amazon.awssdk.services.dynamodb.streams.DynamoDbStreamsClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;

/**
 * A table's stream through the DynamoDB Streams Kinesis Adapter, unmodified: {@code Consumer ENDPOINT STREAM_ARN
 * APPLICATION FILE}. What happens goes into the file, a line each: {@code WHAT SHARD REST}, where WHAT is begin, record
 * (event, key, number of the new image) or ended.
 */
public final class Consumer implements DynamoDBStreamsShardRecordProcessor {
    private static PrintStream file;
    private String shard;

    private void say(String what, String rest) {
        synchronized (file) {
            file.println(what + " " + shard + " " + rest);
            file.flush();
        }
    }

    @Override
    public void initialize(InitializationInput input) {
        shard = input.shardId();
        say("begin", input.extendedSequenceNumber().sequenceNumber());
    }

    @Override
    public void processRecords(DynamoDBStreamsProcessRecordsInput input) {
        for (DynamoDBStreamsClientRecord each : input.records()) {
            Record record = each.getRecord();
            var image = record.dynamodb().newImage();
            String number = image.containsKey("number") ? image.get("number").n() : "-";
            say("record", record.eventName() + " " + record.dynamodb().keys().get("id").s() + " " + number);
        }
        if (!input.records().isEmpty()) {
            checkpoint(input.checkpointer());
        }
    }

    /** Without a server for a moment: the next batch's checkpoint makes up. */
    private void checkpoint(RecordProcessorCheckpointer checkpointer) {
        try {
            checkpointer.checkpoint();
        } catch (Exception error) {
            say("unsaved", String.valueOf(error).lines().findFirst().orElse(""));
        }
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
        say("lost", "");
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
        say("ended", "");
        checkpoint(input.checkpointer());
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
        checkpoint(input.checkpointer());
    }

    private static <B extends AwsClientBuilder<B, ?>> B at(B builder, String endpoint) {
        return builder.endpointOverride(URI.create(endpoint))
            .region(Region.US_EAST_1)
            .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret")));
    }

    public static void main(String[] arguments) throws Exception {
        String endpoint = arguments[0];
        String stream = arguments[1];
        file = new PrintStream(arguments[3], StandardCharsets.UTF_8);
        DynamoDbStreamsClient streams = at(DynamoDbStreamsClient.builder(), endpoint).build();
        AmazonDynamoDBStreamsAdapterClient adapter = new AmazonDynamoDBStreamsAdapterClient(streams, Region.US_EAST_1);
        var start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        ConfigsBuilder configs = new ConfigsBuilder(
            StreamsSchedulerFactory.createSingleStreamTracker(stream, start),
            arguments[2],
            adapter,
            at(DynamoDbAsyncClient.builder(), endpoint).build(),
            at(CloudWatchAsyncClient.builder(), endpoint).build(),
            "worker-" + UUID.randomUUID(),
            Consumer::new);
        var polling = new DynamoDBStreamsPollingConfig(stream, adapter);
        polling.idleTimeBetweenReadsInMillis(500);
        StreamsSchedulerFactory.createScheduler(
            configs.checkpointConfig(),
            configs.coordinatorConfig(),
            configs.leaseManagementConfig(),
            configs.lifecycleConfig(),
            configs.metricsConfig(),
            configs.processorConfig(),
            configs.retrievalConfig().retrievalSpecificConfig(polling),
            adapter).run();
    }
}
