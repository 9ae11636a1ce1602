//! Serves everything in `tests/suites/protos`:
//! `descant-suite-server --listen ADDR --ready-file FILE [--tls-cert FILE --tls-key FILE]`.
//!
//! With a certificate it listens once more, by TLS; that address is the second in the ready file.

use std::{env, error::Error, fs, path::PathBuf};

use descant::{Server, Tls};
use descant_handlers::Health;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let Arguments {
        listen,
        ready_file,
        tls,
    } = arguments()?;
    let health = Health::new();
    let mut server = Server::builder(descant_tests::gateway(&health)).listen(&listen);
    if let (Some(certificate), Some(key)) = tls {
        let tls = Tls::builder().certificate_files(certificate, key).build()?;
        server = server.listen_tls(listen, &tls);
    }
    let server = server.bind().await?;
    let addresses: Vec<String> = server.addresses().iter().map(ToString::to_string).collect();
    let mut stop = signal(SignalKind::terminate())?;
    fs::write(ready_file, addresses.join("\n") + "\n")?;
    server.serve(stop.recv()).await?;
    Ok(())
}

struct Arguments {
    listen: String,
    ready_file: PathBuf,
    /// Certificate and key.
    tls: (Option<PathBuf>, Option<PathBuf>),
}

fn arguments() -> Result<Arguments, &'static str> {
    let mut words = env::args().skip(1);
    let (mut listen, mut ready_file, mut tls) = (None, None, (None, None));
    while let Some(word) = words.next() {
        match word.as_str() {
            "--listen" => listen = words.next(),
            "--ready-file" => ready_file = words.next().map(PathBuf::from),
            "--tls-cert" => tls.0 = words.next().map(PathBuf::from),
            "--tls-key" => tls.1 = words.next().map(PathBuf::from),
            _ => return Err("the command line makes no sense: see main.rs"),
        }
    }
    Ok(Arguments {
        listen: listen.ok_or("--listen is missing")?,
        ready_file: ready_file.ok_or("--ready-file is missing")?,
        tls,
    })
}
