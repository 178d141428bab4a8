package headwater;

import com.google.common.util.concurrent.FutureCallback;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.MoreExecutors;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * The Kinesis Producer Library, unmodified, over TLS: {@code Producer HOST PORT STREAM RECORDS KEYS PER_SECOND CONNECTIONS}.
 * A record's
 * data is its key and its number under that key; it says when it begins, and in the end what the library said of each.
 */
public final class Producer {
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[1]);
        int records = Integer.parseInt(arguments[3]);
        int keys = Integer.parseInt(arguments[4]);
        int perSecond = Integer.parseInt(arguments[5]);
        int connections = Integer.parseInt(arguments[6]);
        KinesisProducerConfiguration configuration = new KinesisProducerConfiguration()
            .setRegion("us-east-1")
            .setCredentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret")))
            .setKinesisEndpoint(arguments[0])
            .setKinesisPort(port)
            .setCloudwatchEndpoint(arguments[0])
            .setCloudwatchPort(port)
            .setStsEndpoint(arguments[0])
            .setStsPort(port)
            .setVerifyCertificate(false)
            .setMetricsUploadDelay(5_000)
            .setRecordMaxBufferedTime(100)
            .setMaxConnections(connections);
        KinesisProducer producer = new KinesisProducer(configuration);
        AtomicInteger succeeded = new AtomicInteger();
        AtomicInteger failed = new AtomicInteger();
        AtomicInteger attempts = new AtomicInteger();
        CountDownLatch open = new CountDownLatch(records);
        System.out.println("sending");
        long begin = System.nanoTime();
        for (int sent = 0; sent < records; sent++) {
            String key = "key" + sent % keys;
            ByteBuffer data = ByteBuffer.wrap((key + " " + sent / keys).getBytes(StandardCharsets.UTF_8));
            Futures.addCallback(producer.addUserRecord(arguments[2], key, data), new FutureCallback<UserRecordResult>() {
                @Override
                public void onSuccess(UserRecordResult result) {
                    succeeded.incrementAndGet();
                    attempts.addAndGet(result.getAttempts().size());
                    open.countDown();
                }

                @Override
                public void onFailure(Throwable error) {
                    failed.incrementAndGet();
                    open.countDown();
                }
            }, MoreExecutors.directExecutor());
            if (sent == 0) {
                // It does not keep its order while it learns what shards there are.
                producer.flushSync();
                TimeUnit.SECONDS.sleep(1);
                begin = System.nanoTime();
            }
            long ahead = begin + (sent + 1L) * 1_000_000_000L / perSecond - System.nanoTime();
            if (ahead > 0) {
                TimeUnit.NANOSECONDS.sleep(ahead);
            }
        }
        boolean finished = open.await(60, TimeUnit.SECONDS);
        double seconds = (System.nanoTime() - begin) / 1e9;
        TimeUnit.SECONDS.sleep(6); // its metrics go out
        producer.destroy();
        System.out.printf("{\"succeeded\":%d,\"failed\":%d,\"attempts\":%d,\"finished\":%b,\"seconds\":%.1f}%n",
            succeeded.get(), failed.get(), attempts.get(), finished, seconds);
        System.exit(0);
    }
}
