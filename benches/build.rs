//! Generates what tonic needs for the echo service, and the descriptor set that Descant loads.

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=echo/echo.proto");
    let set = protox::compile(["echo/echo.proto"], ["echo"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("echo.binpb"), set.encode_to_vec())?;
    tonic_prost_build::configure().build_client(false).compile_fds(set)?;
    Ok(())
}
