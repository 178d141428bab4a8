package headwater;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.SdkHttpConfigurationOption;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.*;
import software.amazon.awssdk.utils.AttributeMap;

/**
 * The AWS SDK for Java v2, unmodified, as a fan-out consumer: {@code Follow ENDPOINT CONSUMER_ARN SHARDS follow|once
 * PAUSE_SECONDS}. What it prints and does is told in ../python/follow.py.
 */
public final class Follow {
    private static KinesisAsyncClient kinesis;
    private static String consumer;
    private static boolean once;
    private static long pauseMillis;
    private static final AtomicBoolean PAUSED = new AtomicBoolean();
    private static final Set<String> STARTED = new HashSet<>();
    private static final Set<String> CLOSED = new HashSet<>();

    private static synchronized void say(String shard, String rest) {
        System.out.println("{\"shard\":\"" + shard + "\"," + rest + "}");
    }

    private static String quoted(String text) {
        return text == null ? "null" : "\"" + text + "\"";
    }

    private static String record(software.amazon.awssdk.services.kinesis.model.Record record) {
        String text = record.data().asUtf8String();
        int end = text.indexOf('\n');
        return "[" + quoted(record.sequenceNumber()) + "," + quoted(end < 0 ? text : text.substring(0, end)) + "]";
    }

    private static String child(ChildShard child) {
        String parents = child.parentShards().stream().map(Follow::quoted).collect(Collectors.joining(","));
        return "[" + quoted(child.shardId()) + ",[" + parents + "]]";
    }

    /** Takes one event after the other; the subscription is over when the SDK's future is. */
    private static final class Events implements Subscriber<SubscribeToShardEventStream> {
        private final String shard;
        private Subscription subscription;
        private SubscribeToShardEvent last;

        Events(String shard) {
            this.shard = shard;
        }

        @Override
        public void onSubscribe(Subscription subscription) {
            this.subscription = subscription;
            say(shard, "\"subscribed\":true");
            subscription.request(1);
        }

        @Override
        public void onNext(SubscribeToShardEventStream told) {
            if (told instanceof SubscribeToShardEvent event) {
                last = event;
                String records = event.records().stream().map(Follow::record).collect(Collectors.joining(","));
                String children = event.childShards().stream().map(Follow::child).collect(Collectors.joining(","));
                say(shard, "\"records\":[" + records + "],\"continuation\":" + quoted(event.continuationSequenceNumber())
                    + ",\"behind\":" + event.millisBehindLatest() + ",\"children\":[" + children + "]");
                if (pauseMillis > 0 && !event.records().isEmpty() && PAUSED.compareAndSet(false, true)) {
                    CompletableFuture.delayedExecutor(pauseMillis, TimeUnit.MILLISECONDS)
                        .execute(() -> subscription.request(1));
                    return;
                }
            }
            subscription.request(1);
        }

        @Override
        public void onError(Throwable error) {
        }

        @Override
        public void onComplete() {
        }
    }

    private static void follow(String shard) {
        StartingPosition position = StartingPosition.builder().type(ShardIteratorType.TRIM_HORIZON).build();
        while (true) {
            Events events = new Events(shard);
            StartingPosition from = position;
            try {
                kinesis.subscribeToShard(r -> r.consumerARN(consumer).shardId(shard).startingPosition(from),
                    SubscribeToShardResponseHandler.builder().onEventStream(stream -> stream.subscribe(events)).build()).join();
            } catch (CompletionException error) {
                String code = error.getCause() instanceof AwsServiceException refusal
                    ? refusal.awsErrorDetails().errorCode() : String.valueOf(error.getCause()).replace('"', '\'');
                say(shard, "\"end\":" + quoted(code));
                return;
            }
            say(shard, "\"end\":\"clean\"");
            if (once) {
                return;
            }
            if (events.last.hasChildShards() && !events.last.childShards().isEmpty()) {
                begin(ready(shard, events.last.childShards()));
                return;
            }
            position = StartingPosition.builder().type(ShardIteratorType.AFTER_SEQUENCE_NUMBER)
                .sequenceNumber(events.last.continuationSequenceNumber()).build();
        }
    }

    /** The children whose parents have all ended. */
    private static synchronized List<String> ready(String shard, List<ChildShard> children) {
        CLOSED.add(shard);
        return children.stream().filter(child -> CLOSED.containsAll(child.parentShards()))
            .map(ChildShard::shardId).filter(STARTED::add).toList();
    }

    private static void begin(List<String> shards) {
        Queue<Thread> threads = new ArrayDeque<>();
        shards.forEach(shard -> threads.add(new Thread(() -> follow(shard))));
        threads.forEach(Thread::start);
        threads.forEach(thread -> {
            try {
                thread.join();
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
        });
    }

    public static void main(String[] arguments) {
        consumer = arguments[1];
        once = arguments[3].equals("once");
        pauseMillis = (long) (Double.parseDouble(arguments[4]) * 1000);
        AttributeMap.Builder options = AttributeMap.builder().put(SdkHttpConfigurationOption.PROTOCOL, Protocol.HTTP2);
        if (arguments[0].startsWith("https:")) {
            options.put(SdkHttpConfigurationOption.TRUST_ALL_CERTIFICATES, true);
        }
        // As it comes, a client that does not read for ten seconds gives up by itself; Flink sets this, too.
        NettyNioAsyncHttpClient.Builder http = NettyNioAsyncHttpClient.builder().readTimeout(Duration.ofMinutes(6));
        kinesis = KinesisAsyncClient.builder()
            .endpointOverride(URI.create(arguments[0]))
            .region(Region.US_EAST_1)
            .overrideConfiguration(o -> o.retryStrategy(retry -> retry.maxAttempts(1)))
            .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret")))
            .httpClient(http.buildWithDefaults(options.build()))
            .build();
        begin(List.of(arguments[2].split(",")));
        System.exit(0);
    }
}
