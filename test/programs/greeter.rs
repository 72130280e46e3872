// Greets whoever connects, by the line that they say, one after another; until one says "quit". std::net over descriptor 3.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::wasi::io::FromRawFd;
fn main() {
    let listener = unsafe { TcpListener::from_raw_fd(3) };
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        write!(stream, "hello {}", line).unwrap();
        if line.starts_with("quit") { return; }
    }
}
