//! HTTP/2 with prior knowledge, and TLS on the same port, with ALPN and without.
use std::{
    io::{Read, Write},
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{
    calls::{AUTHORIZATION, DATE, JSON, base64, fresh},
    client::{connect, read, request},
    server::{Server, shared},
};

const HOST: &str = "kinesis.us-east-1.amazonaws.com";

type Sender = SendRequest<Full<Bytes>>;

async fn over(io: impl hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static) -> Sender {
    let (sender, connection) = handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

async fn plain(aws: &Server) -> Sender {
    over(TokioIo::new(TcpStream::connect(aws.address()).await.expect("it listens"))).await
}

async fn call(sender: &mut Sender, operation: &str, input: &Value) -> (u16, Value) {
    let request = http::Request::post(format!("http://{HOST}/"))
        .header("content-type", JSON)
        .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
        .header("x-amz-date", DATE)
        .header("authorization", AUTHORIZATION)
        .body(Full::from(input.to_string()))
        .expect("a request");
    sender.ready().await.expect("room for a request");
    let reply = sender.send_request(request).await.expect("an answer");
    let status = reply.status().as_u16();
    assert!(reply.headers().contains_key("x-amzn-requestid") && reply.headers().contains_key("x-amz-id-2"));
    let body = reply.into_body().collect().await.expect("a body").to_bytes();
    (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") })
}

/// A stream made, written and read over one connection.
async fn there_and_back(mut sender: Sender) {
    let stream = fresh("h2");
    let name = json!({"StreamName": stream});
    assert_eq!(
        call(&mut sender, "CreateStream", &json!({"StreamName": stream, "ShardCount": 1})).await,
        (200, Value::Null)
    );
    while call(&mut sender, "DescribeStreamSummary", &name).await.1["StreamDescriptionSummary"]["StreamStatus"]
        != "ACTIVE"
    {}
    // Larger than any window a connection starts with.
    let blob = base64(&vec![9; 700_000]);
    let put = json!({"StreamName": stream, "PartitionKey": "a", "Data": blob});
    assert_eq!(call(&mut sender, "PutRecord", &put).await.0, 200);
    let iterator = json!({"StreamName": stream, "ShardId": "shard-0", "ShardIteratorType": "TRIM_HORIZON"});
    let (_, iterator) = call(&mut sender, "GetShardIterator", &iterator).await;
    let (status, page) = call(&mut sender, "GetRecords", &iterator).await;
    assert_eq!((status, &page["Records"][0]["Data"]), (200, &json!(blob)));
    let (status, refusal) = call(&mut sender, "DescribeStream", &json!({"StreamName": "absent"})).await;
    assert_eq!((status, &refusal["__type"]), (400, &json!("ResourceNotFoundException")));
}

#[tokio::test]
async fn prior_knowledge_on_the_plain_port() {
    there_and_back(plain(&shared()).await).await;
}

#[tokio::test]
async fn three_hundred_requests_at_once_on_one_connection() {
    let aws = shared();
    let sender = plain(&aws).await;
    let calls: Vec<_> = (0..300)
        .map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move { call(&mut sender, "DescribeLimits", &json!({})).await.0 })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("no panic"), 200);
    }
}

#[tokio::test]
async fn bodies_have_an_end_here_too() {
    let aws = Server::start(&["--body-limit", "100000"]);
    let mut sender = plain(&aws).await;
    let long = json!({"StreamName": "a".repeat(1_000_000)});
    let request = http::Request::post(format!("http://{HOST}/"))
        .header("content-type", JSON)
        .header("x-amz-target", "Kinesis_20131202.DescribeStream")
        .body(Full::from(long.to_string()))
        .expect("a request");
    let reply = sender.send_request(request).await.expect("an answer");
    assert_eq!(reply.status().as_u16(), 413);
    assert_eq!(call(&mut sender, "ListStreams", &json!({})).await.0, 200, "the connection goes on");
}

#[test]
fn pings_are_answered_and_many_streams_allowed() {
    let aws = shared();
    let mut connection = connect(aws.address()).expect("it listens");
    let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    hello.extend_from_slice(b"\0\0\x08\x06\0\0\0\0\0headwate");
    connection.write_all(&hello).expect("it reads");
    let (mut settled, mut answered) = (false, false);
    while !(settled && answered) {
        let mut head = [0; 9];
        connection.read_exact(&mut head).expect("a frame");
        let mut body = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        connection.read_exact(&mut body).expect("its payload");
        match (head[3], head[4]) {
            (4, 0) => {
                let limit = body.chunks_exact(6).find(|setting| setting[..2] == [0, 3]);
                let limit =
                    limit.map_or(u32::MAX, |limit| u32::from_be_bytes([limit[2], limit[3], limit[4], limit[5]]));
                assert!(limit >= 1000, "consumers send without bound: {limit}");
                settled = true;
            }
            (6, 1) => {
                assert_eq!(body, b"headwate");
                answered = true;
            }
            (7, _) => panic!("GOAWAY: {body:?}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn http_2_over_tls_by_alpn_and_without() {
    let aws = shared();
    for protocols in [&[&b"h2"[..]][..], &[b"h2", b"http/1.1"], &[]] {
        let connector = tokio_rustls::TlsConnector::from(trusting(protocols));
        let socket = TcpStream::connect(aws.address()).await.expect("it listens");
        let stream = connector.connect(HOST.try_into().expect("a name"), socket).await.expect("TLS");
        let chosen = stream.get_ref().1.alpn_protocol();
        assert_eq!(chosen, protocols.first().copied(), "h2 goes first, and nothing is chosen unasked");
        there_and_back(over(TokioIo::new(stream)).await).await;
    }
}

#[test]
fn http_1_over_tls_by_alpn_and_without() {
    let aws = shared();
    for protocols in [&[&b"http/1.1"[..]][..], &[]] {
        let name = ServerName::try_from(HOST).expect("a name");
        let session = ClientConnection::new(trusting(protocols), name).expect("a session");
        let mut stream = rustls::StreamOwned::new(session, connect(aws.address()).expect("it listens"));
        let headers = [
            ("Content-Type", JSON),
            ("X-Amz-Target", "Kinesis_20131202.ListStreams"),
            ("X-Amz-Date", DATE),
            ("Authorization", AUTHORIZATION),
        ];
        stream.write_all(&request("POST", "/", &headers, b"{}")).expect("it reads");
        let reply = read(&mut stream, true).expect("an answer").carries_ids();
        assert_eq!(reply.status, 200);
        assert_eq!(stream.conn.alpn_protocol(), protocols.first().copied());
    }
}

#[test]
fn a_certificate_that_was_given_is_the_one_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).expect("a certificate");
    std::fs::write(&certificate, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let path = |path: &std::path::Path| path.to_str().expect("text").to_owned();
    let aws = Server::start(&["--tls-cert", &path(&certificate), "--tls-key", &path(&key)]);
    let session = ClientConnection::new(trusting(&[]), HOST.try_into().expect("a name")).expect("a session");
    let mut stream = rustls::StreamOwned::new(session, connect(aws.address()).expect("it listens"));
    stream.write_all(&request("GET", "/", &[], b"")).expect("it reads");
    assert_eq!(read(&mut stream, true).expect("an answer").status, 403);
    let shown = stream.conn.peer_certificates().expect("a certificate");
    assert_eq!(shown, [made.cert.der().clone()]);
    aws.ok("ListStreams", json!({}));
}

#[test]
fn half_a_handshake_disturbs_nobody() {
    let mut aws = Server::start(&[]);
    for start in [&b"\x16\x03\x01"[..], b"\x16\x03\x01\x00\x05hello", b"PRI * HTTP/2.0\r\n\r\n", b"PRI", b"P", b""] {
        let mut connection = connect(aws.address()).expect("it listens");
        connection.write_all(start).expect("it reads");
        aws.ok("ListStreams", json!({}));
        drop(connection);
    }
    aws.is_alive();
}

fn trusting(protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

/// Trusts whoever proves to hold the key of the certificate it shows.
#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
