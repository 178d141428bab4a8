package headwater;

import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.SdkHttpConfigurationOption;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClientBuilder;
import software.amazon.awssdk.utils.AttributeMap;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.RetrievalConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * One worker of the Kinesis Client Library, unmodified: {@code Worker STREAM APPLICATION polling|fan-out KINESIS_ENDPOINT
 * DYNAMODB_ENDPOINT FILE}. What happens goes into the file, a line each: {@code MILLIS WHAT SHARD REST}, where WHAT is
 * begin, record (sequence number and data), checkpoint (sequence number), ended or lost.
 */
public final class Worker implements ShardRecordProcessor {
    private static PrintStream file;
    private String shard;
    private String last;

    private void say(String what, String rest) {
        synchronized (file) {
            file.println(System.currentTimeMillis() + " " + what + " " + shard + " " + rest);
            file.flush();
        }
    }

    @Override
    public void initialize(InitializationInput input) {
        shard = input.shardId();
        say("begin", input.extendedSequenceNumber().sequenceNumber());
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        for (KinesisClientRecord record : input.records()) {
            last = record.sequenceNumber();
            say("record", last + " " + StandardCharsets.UTF_8.decode(record.data()));
        }
        if (!input.records().isEmpty()) {
            checkpoint(input.checkpointer(), last);
        }
    }

    /** A lease that is lost meanwhile, or a server that is away: the next batch's checkpoint, or another worker, makes up. */
    private void checkpoint(RecordProcessorCheckpointer checkpointer, String what) {
        try {
            checkpointer.checkpoint();
            say("checkpoint", what);
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
        checkpoint(input.checkpointer(), "SHARD_END");
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
        checkpoint(input.checkpointer(), last);
    }

    private static <B extends AwsClientBuilder<B, ?>> B at(B builder, String endpoint) {
        return builder.endpointOverride(URI.create(endpoint))
            .region(Region.US_EAST_1)
            .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret")));
    }

    private static KinesisAsyncClient kinesis(String endpoint) {
        KinesisAsyncClientBuilder builder = at(KinesisAsyncClient.builder(), endpoint);
        if (!endpoint.startsWith("https:")) {
            return KinesisClientUtil.createKinesisAsyncClient(builder);
        }
        // What the library's own helper sets, and trust in a certificate that nobody signed.
        AttributeMap trust = AttributeMap.builder()
            .put(SdkHttpConfigurationOption.PROTOCOL, Protocol.HTTP2)
            .put(SdkHttpConfigurationOption.TRUST_ALL_CERTIFICATES, true)
            .build();
        return builder.httpClient(NettyNioAsyncHttpClient.builder().maxConcurrency(Integer.MAX_VALUE).buildWithDefaults(trust))
            .build();
    }

    public static void main(String[] arguments) throws Exception {
        String stream = arguments[0];
        String application = arguments[1];
        file = new PrintStream(arguments[5], StandardCharsets.UTF_8);
        KinesisAsyncClient kinesis = kinesis(arguments[3]);
        String plain = arguments[3].replace("https:", "http:");
        ConfigsBuilder configs = new ConfigsBuilder(
            new SingleStreamTracker(stream,
                InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON)),
            application,
            kinesis,
            at(DynamoDbAsyncClient.builder(), arguments[4]).build(),
            at(CloudWatchAsyncClient.builder(), plain).build(),
            "worker-" + UUID.randomUUID(),
            Worker::new);
        RetrievalConfig retrieval = configs.retrievalConfig();
        retrieval.retrievalSpecificConfig(arguments[2].equals("polling")
            ? new PollingConfig(stream, kinesis)
            : new FanOutConfig(kinesis).streamName(stream).applicationName(application));
        Scheduler scheduler = new Scheduler(
            configs.checkpointConfig(),
            configs.coordinatorConfig(),
            configs.leaseManagementConfig().shardSyncIntervalMillis(10_000),
            configs.lifecycleConfig(),
            configs.metricsConfig(),
            configs.processorConfig(),
            retrieval);
        scheduler.run();
    }
}
