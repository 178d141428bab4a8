//! A bare HTTP/1.1 client: what is sent and what comes back stand byte for byte as on the wire.
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(20);
const CHUNK: usize = 64 * 1024;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The first header of that name, in whatever case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body, which must be text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body, which must be JSON; `null` stands for an empty one.
    pub(crate) fn json(&self) -> serde_json::Value {
        if self.body.is_empty() {
            return serde_json::Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// What every answer carries: an exact length and the two ids of its request.
    pub(crate) fn carries_ids(self) -> Self {
        let length = self.header("content-length").expect("a length").parse::<usize>().expect("a number");
        assert_eq!(length, self.body.len(), "Content-Length is the length of the body");
        let id = self.header("x-amzn-requestid").expect("a request id");
        let groups: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "a UUID: {id}");
        assert!(id.chars().all(|c| c == '-' || c.is_ascii_hexdigit()), "a UUID: {id}");
        let second = self.header("x-amz-id-2").expect("a second id");
        let bytes = base64_simd::STANDARD.decode_to_vec(second).expect("base64");
        assert!((64..=80).contains(&bytes.len()), "64 to 80 bytes: {second}");
        self
    }
}

/// The bytes of a request; Host and Content-Length are added unless given.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let given = |name: &str| headers.iter().any(|(held, _)| held.eq_ignore_ascii_case(name));
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !given("host") {
        head.push_str("Host: kinesis.us-east-1.amazonaws.com\r\n");
    }
    if !given("content-length") && !given("transfer-encoding") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Sends `bytes` on a connection of their own and reads one answer.
///
/// # Errors
/// The connection's, and an answer that is no HTTP.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> io::Result<Reply> {
    let mut connection = connect(address)?;
    // A server that refuses a large body may stop reading: its answer is what counts.
    let sent = connection.write_all(bytes);
    read(&mut connection, !bytes.starts_with(b"HEAD")).or_else(|error| sent.and(Err(error)))
}

/// A connection that does not wait for ever.
///
/// # Errors
/// Those of the sockets.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    connection.set_nodelay(true)?;
    Ok(connection)
}

/// Reads one answer.
///
/// # Errors
/// The connection's, and an answer that is no HTTP.
pub(crate) fn read(connection: &mut impl Read, with_body: bool) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        more(connection, &mut bytes)?;
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).map_err(io::Error::other)?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status line: {head}")))?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut reply = Reply { status, headers, body: Vec::new() };
    if with_body && ![204, 304].contains(&status) {
        match reply.header("content-length").and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => {
                while body.len() < length {
                    more(connection, &mut body)?;
                }
                body.truncate(length);
            }
            None => while more(connection, &mut body).is_ok() {},
        }
        reply.body = body;
    }
    Ok(reply)
}

fn more(connection: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let held = bytes.len();
    bytes.resize(held + CHUNK, 0);
    let got = connection.read(&mut bytes[held..])?;
    bytes.truncate(held + got);
    if got == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}
